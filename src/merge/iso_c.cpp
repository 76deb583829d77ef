#include "merge/iso_c.h"

#include <algorithm>

#include <ATen/ops/zeros_like.h>

#include "linalg/polar.h"

namespace isomerge {

Merged merge_iso_c(Factors factors, NullSpace null_space) {
  const int64_t r = factors.rank();
  if (r == 0) return {at::zeros_like(factors.update(0))};
  const at::ScalarType dtype = factors.dtype();
  const at::Tensor sum = factors.sum();
  for (int64_t t = 0; t < factors.tasks(); ++t) factors.release(t);
  Polar polar = factors.route() == Route::kLapack ? polar_factor(sum, r, null_space, Route::kLapack)
                                                  : polar_factor(sum, factors.sum_eigen(sum), r);
  Merged merged{polar.factor.mul_(polar.nuclear_norm / static_cast<double>(r)).to(dtype)};
  merged.findings.cut = polar.cut;
  merged.findings.fallbacks = polar.fallbacks;
  merged.findings.repeats = polar.repeats;
  return merged;
}

// The sum in fp64; the Gram matrix, its vectors, LAPACK's workspace of three.
MatrixCost iso_c_cost(int64_t m, int64_t n, int64_t) {
  const auto r = static_cast<double>(std::min(m, n)), all = static_cast<double>(m * n);
  MatrixCost cost;
  cost.products = all * r * 1.125 + 2 * r * r * r + all * r;
  cost.eigen = r * r * r;
  cost.workspace = static_cast<uint64_t>(8 * (all + 6 * r * r));
  return cost;
}

}  // namespace isomerge
