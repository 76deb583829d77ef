#include "merge/regmean.h"

#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "linalg/product.h"
#include "merge/statistics_set.h"

namespace isomerge {
namespace {

// B A^+ by the eigenvectors of A; `cut` counts those whose eigenvalue is zero to rounding.
at::Tensor times_pseudo_inverse(const at::Tensor& b, const at::Tensor& a, int64_t* cut) {
  const auto [values, vectors] = at::linalg_eigh(a);
  const double limit = values.max().item<double>() * static_cast<double>(a.size(0)) *
                       std::numeric_limits<double>::epsilon();
  const at::Tensor keep = values > limit;
  *cut = a.size(0) - keep.sum().item<int64_t>();
  const at::Tensor inverse = at::where(keep, values.reciprocal(), at::zeros_like(values));
  return multiply(multiply(b, vectors).mul_(inverse), vectors.t());
}

// A factor whose diagonal falls to rounding belongs to a matrix that is singular to rounding.
bool is_sound(const at::Tensor& factor) {
  const at::Tensor diagonal = factor.diagonal();
  return diagonal.min().item<double>() >
         diagonal.max().item<double>() * 1e-7;  // condition of A below 1e14
}

}  // namespace

Merged merge_regmean(const Factors& factors, std::vector<at::Tensor> grams, double off_diagonal) {
  const at::Tensor& first = factors.update(0);
  at::Tensor sum = at::zeros({first.size(1), first.size(1)}, at::kDouble);
  at::Tensor right = at::zeros(first.sizes(), at::kDouble);
  for (size_t t = 0; t < grams.size(); ++t) {
    const at::Tensor gram = scale_off_diagonal(std::move(grams[t]), off_diagonal);
    sum.add_(gram);
    right.addmm_(factors.update(static_cast<int64_t>(t)).to(at::kDouble), gram.to(at::kDouble));
  }
  const auto [factor, failed] = at::linalg_cholesky_ex(sum);
  Merged merged;
  if (failed.item<int>() == 0 && is_sound(factor)) {
    merged.update = at::cholesky_solve(right.t(), factor).t();
  } else {
    merged.update = times_pseudo_inverse(right, sum, &merged.findings.cut);
  }
  merged.update = merged.update.to(first.scalar_type()).contiguous();
  return merged;
}

MatrixCost regmean_cost(int64_t m, int64_t n, int64_t tasks) {
  MatrixCost cost;
  const auto rows = static_cast<double>(m), size = static_cast<double>(n);
  cost.products =
      2.0 * rows * size * size * static_cast<double>(tasks + 1) + size * size * size / 3;
  cost.workspace = static_cast<uint64_t>(4 * n * n * tasks + 8 * (3 * n * n + 3 * m * n));
  return cost;
}

}  // namespace isomerge
