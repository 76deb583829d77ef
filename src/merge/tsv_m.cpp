#include "merge/tsv_m.h"

#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros_like.h>

#include "merge/basis_stack.h"

namespace isomerge {

int64_t tsv_m_rank(int64_t r, int64_t tasks) { return r / tasks; }

Merged merge_tsv_m(const std::vector<Update>& updates, NullSpace null_space) {
  const int64_t r = require_matrices(updates);
  const int64_t s = tsv_m_rank(r, static_cast<int64_t>(updates.size()));
  if (s == 0) return {at::zeros_like(updates.front().dense())};
  BasisStack stack(null_space);
  for (const Update& update : updates) {
    const Svd svd = thin_svd(update.dense());
    stack.append(svd.leading(s), null_threshold(r, svd.s[0].item<double>()));
  }
  const BasisStack::Orthonormal basis = stack.orthonormalise(r);
  return {at::matmul(basis.u.mul(basis.s), basis.vt), basis.cut, basis.is_doubtful};
}

}  // namespace isomerge
