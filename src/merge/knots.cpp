#include "merge/knots.h"

#include <algorithm>
#include <optional>

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include "factor/core.h"
#include "linalg/eigen.h"
#include "linalg/product.h"
#include "linalg/svd.h"

namespace isomerge {
namespace {

// The left singular vectors of [D_1 ... D_T] whose values exceed the cut, [m, p].
at::Tensor lapack_basis(const std::vector<at::Tensor>& updates, double cut) {
  const Svd svd = thin_svd(at::cat(updates, 1).to(at::kDouble));
  return svd.leading(svd.s.gt(cut).sum().item<int64_t>()).u.contiguous();
}

at::Tensor left_basis(const std::vector<at::Tensor>& updates, double cut, at::ScalarType dtype) {
  const int64_t m = updates.front().size(0), n = updates.front().size(1);
  const bool is_wide = m <= n * static_cast<int64_t>(updates.size());
  if (dtype == at::kDouble || !is_wide) return lapack_basis(updates, cut);
  at::Tensor gram = at::zeros({m, m}, at::kDouble);
  for (const at::Tensor& update : updates) gram = gram_of_rows(update, gram);
  const SymmetricEigen eigen = all_eigenpairs(gram);
  if (!eigen.is_sound) return lapack_basis(updates, cut);
  const int64_t kept = singular_values(eigen).gt(cut).sum().item<int64_t>();
  return eigen.vectors.narrow(1, 0, kept).contiguous();
}

}  // namespace

Coordinates knots_coordinates(const std::vector<Update>& updates, double cut,
                              at::ScalarType dtype) {
  const std::optional<Core> core = core_of(updates);
  std::vector<at::Tensor> matrices;
  for (const Update& update : core ? core->updates : updates) {
    matrices.push_back(update.as_dense(dtype).dense());
  }
  const at::Tensor basis = left_basis(matrices, cut, dtype);
  Coordinates out{core ? multiply(core->left, basis) : basis, {}};
  for (at::Tensor& matrix : matrices) {
    at::Tensor own = multiply(basis.t(), matrix);
    if (core) own = multiply(own, core->right.t());
    out.updates.push_back(own.to(dtype).contiguous());
    matrix = at::Tensor();
  }
  return out;
}

MatrixCost knots_cost(int64_t m, int64_t n, int64_t tasks) {
  const auto r = static_cast<double>(m), t = static_cast<double>(tasks);
  const auto all = static_cast<double>(m * n);
  MatrixCost cost;
  cost.products = t * all * r * 1.125 + 2 * t * all * r + 2 * all * r;
  cost.eigen = r * r * r;
  cost.workspace = static_cast<uint64_t>(8 * ((t + 1) * all + 6 * r * r));
  return cost;
}

}  // namespace isomerge
