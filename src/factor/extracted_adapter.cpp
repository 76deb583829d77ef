#include "factor/extracted_adapter.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/text.h"
#include "checkpoint/adapter_writer.h"
#include "linalg/product.h"
#include "linalg/svd.h"
#include "task/named_work.h"
#include "task/updates.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

void require_valid(const fs::path& out, const ExtractionOptions& options) {
  const auto refuse = [&](const std::string& what) {
    throw input_error(fmt::format("{}: {}", out.string(), what));
  };
  if (options.rank.has_value() == options.error.has_value()) {
    refuse(fmt::format("expected either a rank or an error of the adapter, got {}",
                       options.rank ? "both" : "neither"));
  }
  if (options.rank.value_or(1) < 1) {
    refuse(fmt::format("rank: expected a whole number from 1, got {}", *options.rank));
  }
  const double error = options.error.value_or(0.5);
  if (!(error > 0.0 && error < 1.0)) {
    refuse(fmt::format("error: expected a number between 0 and 1, got {}", number_text(error)));
  }
}

// The fewest leading values after which the others' norm is at most `error` of the whole norm.
int64_t rank_within(const at::Tensor& values, double error) {
  const double* const s = values.const_data_ptr<double>();
  int64_t rank = values.numel();
  double whole = 0.0, rest = 0.0;
  for (int64_t i = 0; i < rank; ++i) whole += s[i] * s[i];
  while (rank > 1) {
    rest += s[rank - 1] * s[rank - 1];
    if (!(rest <= error * error * whole)) break;
    --rank;
  }
  return rank;
}

Extracted from_triplets(const std::string& name, const Svd& svd, at::ScalarType dtype) {
  const at::Tensor root = svd.s.sqrt();
  Extracted out;
  out.matrix.name = name;
  out.matrix.rank = svd.s.numel();
  out.factors = {name, convert_finite(svd.u.mul(root), dtype, name).contiguous(),
                 convert_finite(svd.vt.mul(root.unsqueeze(1)), dtype, name).contiguous()};
  return out;
}

Extracted extract_matrix(const std::string& name, const at::Tensor& d,
                         const ExtractionOptions& options) {
  const int64_t r = std::min(d.size(0), d.size(1));
  if (options.rank)
    return extract_rank(name, d, std::min(*options.rank, r), options.dtype, Route::kLapack);
  const int64_t rank = rank_within(all_singular_values(d, Route::kLapack), *options.error);
  Extracted found = extract_rank(name, d, rank, options.dtype, Route::kLapack);
  // What the factors' rounding adds may just exceed the bound.
  if (found.matrix.error() > *options.error && rank < r) {
    found = extract_rank(name, d, rank + 1, options.dtype, Route::kLapack);
  }
  if (found.matrix.error() <= *options.error) return found;
  throw input_error(fmt::format("{}: factors in {} have a relative error of {:.2g}, above {}", name,
                                dtype_text(options.dtype), found.matrix.error(),
                                number_text(*options.error)));
}

// What happens to each tensor.
struct Plan {
  std::vector<std::string> matrices;
  ExtractionSummary summary;
};

Plan plan_of(const Updates& updates, const fs::path& out, bool drop_others) {
  Plan plan;
  for (const TensorInfo& info : updates.tensors()) {
    if (!is_floating(info.dtype)) {
      updates.require_equal(info.name);
    } else if (updates.is_unchanged(info.name)) {
      ++plan.summary.unchanged;
    } else if (info.shape.size() == 2 && is_adapter_weight(info.name)) {
      plan.matrices.push_back(info.name);
    } else {
      plan.summary.dropped.push_back(info.name);
    }
  }
  const std::vector<std::string>& others = plan.summary.dropped;
  if (!others.empty() && !drop_others) {
    throw input_error(fmt::format(
        "{}: an adapter holds matrices named \"<module>.weight\"; {} other tensors changed: {}. "
        "--drop-others leaves them as in the base",
        out.string(), others.size(), join(others, ", ")));
  }
  if (plan.matrices.empty()) {
    throw input_error(fmt::format("{}: no matrix of {} differs from the base's", out.string(),
                                  updates.tasks().front()));
  }
  return plan;
}

}  // namespace

Extracted extract_rank(const std::string& name, const at::Tensor& d, int64_t rank,
                       at::ScalarType dtype, Route route) {
  Extracted out = from_triplets(name, leading_triplets(d, rank, route), dtype);
  const at::Tensor exact = d.to(at::kDouble);
  const at::Tensor product = multiply(out.factors.b.to(at::kDouble), out.factors.a);
  out.matrix.norm = exact.norm().item<double>();
  out.matrix.residual = exact.sub(product).norm().item<double>();
  return out;
}

// Orthonormal rows of a keep norms: the residual is that of b beside its factors in a's span, where
// the factors' rounding lies as well but for what it has outside.
Extracted extract_rank(const std::string& name, const LowRank& product, int64_t rank,
                       at::ScalarType dtype) {
  Svd svd = thin_svd(product.b).leading(rank);
  svd.vt = multiply(svd.vt, product.a);
  Extracted out = from_triplets(name, svd, dtype);
  const at::Tensor written =
      multiply(out.factors.b.to(at::kDouble), multiply(out.factors.a, product.a.t()));
  out.matrix.norm = product.b.norm().item<double>();
  out.matrix.residual = product.b.sub(written).norm().item<double>();
  return out;
}

double ExtractionSummary::total_error() const {
  double residual = 0.0, norm = 0.0;
  for (const ExtractedMatrix& matrix : matrices) {
    residual += matrix.residual * matrix.residual;
    norm += matrix.norm * matrix.norm;
  }
  return std::sqrt(residual / norm);
}

ExtractionSummary extract_adapter(const fs::path& expert, const fs::path& base, const fs::path& out,
                                  const ExtractionOptions& options) {
  require_valid(out, options);
  const Updates updates(base, {{last_part(expert), expert}});
  require_replaces_none(out, updates.files());
  Plan plan = plan_of(updates, out, options.drop_others);
  ExtractionSummary& summary = plan.summary;
  std::vector<LowRankWeight> weights;
  Progress progress("extracting an adapter", plan.matrices.size());
  ordered_parallel(
      plan.matrices.size(), options.threads,
      [&](size_t i) {
        const std::string& name = plan.matrices[i];
        return named_work(name, [&] {
          const Updates::Loaded loaded = updates.load(name, at::kDouble);
          return extract_matrix(name, loaded.updates.front().dense(), options);
        });
      },
      [&](size_t, const Extracted& found) {
        summary.matrices.push_back(found.matrix);
        weights.push_back(found.factors);
        progress.add(1, found.matrix.name);
      });
  AdapterOptions writing;
  writing.base = last_part(base);
  writing.tensors = updates.tensors();
  writing.dtype = options.dtype;
  writing.metadata = {{"isomerge.content", "expert"},
                      {"isomerge.extracted.from", last_part(expert)},
                      {"isomerge.extracted.relative_error", number_text(summary.total_error())}};
  writing.card = fmt::format(
      "---\nlibrary_name: peft\n---\n# {}\n\nLoRA adapter of {}, extracted by isomerge from {}: {} "
      "matrices, relative error {:.4f}.\n",
      last_part(out), writing.base, last_part(expert), weights.size(), summary.total_error());
  write_adapter(out, weights, writing);
  return std::move(summary);
}

}  // namespace isomerge
