#include "analysis/alignment.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>

#include "linalg/product.h"

namespace isomerge {
namespace {

at::Tensor squared_row_norms(const at::Tensor& a) {
  return at::linalg_vector_norm(a, 2, at::IntArrayRef{1}, false, at::kDouble).square();
}

// Squared norm of U_k^T d for k = 1 ... K.
at::Tensor energies_on_rows(const at::Tensor& d, const at::Tensor& u) {
  return squared_row_norms(multiply(u.to(d.scalar_type()).t(), d)).cumsum(0);
}

// Squared norm of U_k^T d V_k for k = 1 ... K: sums over growing square blocks.
at::Tensor energies_on_blocks(const at::Tensor& d, const Directions& directions) {
  const at::Tensor along = multiply(directions.left.to(d.scalar_type()).t(), d);
  const at::Tensor block = multiply(along, directions.right.to(d.scalar_type()));
  return block.to(at::kDouble).square().cumsum(0).cumsum(1).diagonal();
}

}  // namespace

at::Tensor subspace_alignment(const at::Tensor& d, const Directions& directions, Side side) {
  const at::Tensor& some = side == Side::kRight ? directions.right : directions.left;
  const int64_t count = some.size(1);
  at::Tensor ratios = at::zeros({count + 1}, at::kDouble);
  if (count == 0) return ratios;
  const at::Tensor energies = side == Side::kLeft    ? energies_on_rows(d, directions.left)
                              : side == Side::kRight ? energies_on_rows(d.t(), directions.right)
                                                     : energies_on_blocks(d, directions);
  const double whole =
      at::linalg_vector_norm(d, 2, at::OptionalIntArrayRef(), false, at::kDouble).item<double>();
  ratios.narrow(0, 1, count).copy_(energies.sqrt().div(whole).clamp_max(1.0));
  return ratios;
}

}  // namespace isomerge
