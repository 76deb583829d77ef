#include "merge/iso_cts.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include "base/error.h"
#include "linalg/eigen.h"
#include "merge/basis_stack.h"

namespace isomerge {
namespace {

// The k leading directions of the sum, and what the tasks' residuals need.
struct Common {
  Svd triplets;                // k of them, or fewer where some count as zero
  double sum_of_values = 0.0;  // of all k
  double sigma_1 = 0.0;        // of the sum
  LeftSpace left;
  Factors::SumVectors vectors = {};  // empty where LAPACK did the work
};

Common common_of(const at::Tensor& values, int64_t k, CommonSpace space) {
  return {std::move(space.triplets), values.narrow(0, 0, k).sum().item<double>(),
          values[0].item<double>(), std::move(space.left)};
}

// How many of the k leading directions count.
Rank rank_of(const at::Tensor& values, int64_t r, int64_t k) {
  return rank_above(values.narrow(0, 0, k), null_threshold(r, values[0].item<double>()));
}

// Nothing where the eigenpairs fail their check or leave in doubt what counts: LAPACK's part then.
std::optional<Common> common_by_gram(const Factors& factors, int64_t k, Findings* findings) {
  Factors::SumVectors vectors = factors.sum_vectors(k);
  if (!vectors.eigen.is_sound) {
    findings->fallbacks += 1;
    return std::nullopt;
  }
  const at::Tensor values = singular_values(vectors.eigen);
  const Rank rank = rank_of(values, factors.rank(), k);
  if (rank.is_doubtful) {
    findings->repeats += 1;
    return std::nullopt;
  }
  const at::Tensor& first = factors.update(0);
  Common common = common_of(
      values, k,
      leading_space(vectors.eigen, vectors.others, first.size(0) <= first.size(1), rank.kept));
  common.vectors = std::move(vectors);
  if (!common.left.complement.defined()) common.left.rounded = common.left.u.to(at::kFloat);
  return common;
}

Common common_by_lapack(const Factors& factors, int64_t k, NullSpace null_space) {
  const Svd all = thin_svd(factors.sum());
  const int64_t m = all.u.size(0), r = all.s.numel();
  const int64_t kept = null_space == NullSpace::kFill ? k : rank_of(all.s, factors.rank(), k).kept;
  CommonSpace space{all.leading(kept), {all.u.narrow(1, 0, kept), {}}};
  if (m == r) space.left.complement = all.u.narrow(1, kept, r - kept);
  return common_of(all.s, k, std::move(space));
}

// The threshold needs sigma_1(D_t) only if the update is larger than the sum and the smallest kept
// value is so small that the bound by the Frobenius norm does not settle the matter.
double residual_threshold(const Factors& factors, int64_t t, const at::Tensor& kept_values,
                          double sigma_1_of_sum) {
  const int64_t r = factors.rank();
  const double bound = factors.norm_bound(t);
  const double smallest = kept_values[-1].item<double>();
  if (bound <= sigma_1_of_sum ||
      smallest > 8.0 * null_threshold(r, std::max(bound, sigma_1_of_sum))) {
    return null_threshold(r, sigma_1_of_sum);
  }
  return null_threshold(r, std::max(spectral_norm(factors.update(t)), sigma_1_of_sum));
}

// The common directions, then every task's own.
struct Directions {
  BasisStack stack;
  bool has_common = false;
  double sum_of_values = 0.0;
  at::Tensor isometry = {};  // of the common ones, if it is at hand
};

// What only this needs is gone before the stack is made orthonormal, every update once it was used.
Directions collect(Factors factors, const IsoCtsBudget& budget, NullSpace null_space,
                   Findings* findings) {
  const int64_t r = factors.rank(), k = std::min(budget.common, factors.directions());
  const bool is_gram = factors.route() == Route::kGram;
  std::optional<Common> common;
  if (is_gram) common = common_by_gram(factors, k, findings);
  if (!common) common = common_by_lapack(factors, k, null_space);
  const int64_t kept = common->triplets.s.numel();
  findings->cut = budget.common - kept;
  findings->tied = is_tied_cut(common->triplets, r) ? 1 : 0;

  Directions out{BasisStack(factors.route(), null_space), common->triplets.s.numel() > 0,
                 common->sum_of_values};
  out.stack.append(common->triplets);
  out.isometry = factors.leading_isometry(common->vectors, kept);
  const Residuals residuals(factors, common->vectors, common->left);
  const int64_t s = std::min(budget.per_task, factors.directions() - kept);
  findings->cut += factors.tasks() * (budget.per_task - s);
  if (s == 0) return out;  // cores that the common space fills
  for (int64_t t = 0; t < factors.tasks(); ++t) {
    const auto by_lapack = [&] {
      return lapack_residual_triplets(factors.update(t), common->left, s);
    };
    const Svd task = is_gram ? residuals.triplets(t, s) : by_lapack();
    out.stack.append(task, residual_threshold(factors, t, task.s, common->sigma_1), by_lapack);
    findings->tied += is_tied_cut(task, r) ? 1 : 0;
    out.sum_of_values += task.s.sum().item<double>();
    factors.release(t);
  }
  return out;
}

}  // namespace

IsoCtsBudget iso_cts_budget(int64_t r, int64_t tasks, double common_fraction) {
  if (!(common_fraction >= 0.0 && common_fraction <= 1.0)) {
    throw input_error(fmt::format("common_fraction must lie in [0, 1], got {}", common_fraction));
  }
  const auto common = static_cast<int64_t>(common_fraction * static_cast<double>(r));
  // nearbyint rounds halves to even, as Python's round() does.
  auto per_task = static_cast<int64_t>(
      std::nearbyint(static_cast<double>(r - common) / static_cast<double>(tasks)));
  per_task = std::min(per_task, r / tasks);
  return {r - per_task * tasks, per_task};
}

Merged merge_iso_cts(Factors factors, const IsoCtsOptions& options) {
  const int64_t full = factors.rank(), r = method_rank(factors, options.rank);
  const IsoCtsBudget budget = iso_cts_budget(r, factors.tasks(), options.common_fraction);
  if (budget.per_task == 0) {
    return merge_iso_c(std::move(factors), {.beta = options.isotropic ? 1.0 : 0.0,
                                            .null_space = options.null_space,
                                            .rank = options.rank});
  }

  const at::TensorOptions kind = factors.update(0).options();
  const at::ScalarType product_dtype = factors.product_dtype();
  const std::vector<int64_t> shape = factors.update(0).sizes().vec();
  Merged merged;
  Directions directions = collect(std::move(factors), budget, options.null_space, &merged.findings);
  if (directions.stack.is_empty()) {
    merged.update = at::zeros(shape, kind);
    return merged;
  }
  const BasisStack::Orthonormal basis =
      std::move(directions.stack).orthonormalise(full, directions.has_common, &merged.findings);
  const double mean = directions.sum_of_values / static_cast<double>(r);
  merged.update =
      (options.isotropic ? combine(basis.u, mean, basis.v, product_dtype, directions.isometry)
                         : combine(basis.u, basis.s, basis.v, product_dtype))
          .to(kind);
  return merged;
}

// As TSV-M, and the sum, its left space and what of an update lies in it. Shared are the sum's
// vectors, the product of the leading ones and what every task has outside the space.
MatrixCost iso_cts_cost(int64_t m, int64_t n, int64_t tasks, double common_fraction) {
  const IsoCtsBudget budget = iso_cts_budget(std::min(m, n), tasks, common_fraction);
  MatrixCost cost = iso_c_cost(m, n, tasks);
  if (budget.per_task == 0) return cost;
  cost.common = budget.common;
  cost.per_task = budget.per_task;
  const auto r = static_cast<double>(std::min(m, n)), all = static_cast<double>(m * n);
  const auto k = static_cast<double>(budget.common), rest = r - k, t = static_cast<double>(tasks);
  const double stack = static_cast<double>(m + n) * r;
  // The sum's vectors on the long side, and the residuals' Gram matrices.
  cost.shared_products += 2 * all * k;
  cost.shared_products += m <= n ? t * rest * (2 * all + static_cast<double>(n) * rest)
                                 : t * (all * (1.125 * r + 2 * k) + r * r * k);
  // Their triplets; both stacks, of which the left one is known to be orthogonal to the common
  // space; their product.
  const double order = std::min(2 * rest, r), cubes = rest * rest * rest + order * order * order;
  cost.products = cost.shared_products + 2 * (all + static_cast<double>(m) * k) * rest;
  cost.products += stack / r * rest * (rest + 2 * k) + 2 * cubes + 4 * k * rest * r;
  cost.products += 4 * r * r * r + all * r;
  cost.eigen +=
      t * eigen_work(m <= n ? std::min(m, n) - budget.common : n, budget.per_task) + cubes;
  cost.workspace = static_cast<uint64_t>(8 * (2 * all + 2 * stack + 6 * r * r));
  const double outside = m <= n ? rest * (rest + static_cast<double>(n)) : r * (3 * r + rest);
  cost.shared_bytes = static_cast<uint64_t>(8 * (r * r + 1.5 * all + t * outside));
  return cost;
}

}  // namespace isomerge
