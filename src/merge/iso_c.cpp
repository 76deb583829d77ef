#include "merge/iso_c.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include "base/error.h"
#include "linalg/polar.h"

namespace isomerge {

namespace {

void require_share(const char* name, double value) {
  if (!(value >= 0.0 && value <= 1.0)) {
    throw input_error(fmt::format("{} must lie in [0, 1], got {}", name, value));
  }
}

}  // namespace

int64_t method_rank(const Factors& factors, MethodRank kind) {
  return kind == MethodRank::kShape ? factors.rank() : factors.rank_of_sum();
}

Merged merge_iso_c(Factors factors, const IsoCOptions& options) {
  require_share("beta", options.beta);
  require_share("kept_fraction", options.kept_fraction);
  const int64_t full = factors.rank(), r = method_rank(factors, options.rank);
  if (r == 0) return {at::zeros_like(factors.update(0))};
  const at::ScalarType dtype = factors.dtype();
  const at::Tensor sum = factors.sum();
  for (int64_t t = 0; t < factors.tasks(); ++t) factors.release(t);
  if (options.beta == 0.0) return {sum.to(dtype)};
  const auto wanted = static_cast<int64_t>(options.kept_fraction * static_cast<double>(r));
  const int64_t kept = std::min(wanted, std::min(sum.size(0), sum.size(1)));
  Polar polar = factors.route() == Route::kLapack
                    ? polar_factor(sum, full, options.null_space, Route::kLapack, kept)
                    : polar_factor(sum, factors.sum_eigen(sum), full, kept);
  at::Tensor flat = polar.factor.mul_(options.beta * (polar.nuclear_norm / static_cast<double>(r)));
  if (options.beta < 1.0) flat = flat.to(at::kDouble).add_(sum, 1.0 - options.beta);
  Merged merged{flat.to(dtype)};
  merged.findings.cut = polar.cut + wanted - kept;
  merged.findings.tied = polar.is_tied ? 1 : 0;
  merged.findings.fallbacks = polar.fallbacks;
  merged.findings.repeats = polar.repeats;
  return merged;
}

// The sum in fp64; the Gram matrix, its vectors, LAPACK's workspace of three.
MatrixCost iso_c_cost(int64_t m, int64_t n, int64_t) {
  const auto r = static_cast<double>(std::min(m, n)), all = static_cast<double>(m * n);
  MatrixCost cost;
  cost.shared_products = all * r * 1.125;
  cost.products = cost.shared_products + 2 * r * r * r + all * r;
  cost.eigen = cost.shared_eigen = r * r * r;
  cost.workspace = static_cast<uint64_t>(8 * (all + 6 * r * r));
  cost.shared_bytes = static_cast<uint64_t>(8 * r * r);
  return cost;
}

}  // namespace isomerge
