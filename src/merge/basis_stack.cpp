#include "merge/basis_stack.h"

#include <algorithm>

#include <ATen/ops/cat.h>

namespace isomerge {

void BasisStack::append(const Svd& triplets, double threshold) {
  const auto [kept, is_doubtful] = rank_above(triplets.s, threshold);
  is_doubtful_ = is_doubtful_ || is_doubtful;
  const int64_t all = triplets.s.numel();
  at::Tensor u = triplets.u, vt = triplets.vt;
  if (null_space_ == NullSpace::kZero && kept < all) {
    u = u.clone();
    u.narrow(1, kept, all - kept).zero_();
    vt = vt.clone();
    vt.narrow(0, kept, all - kept).zero_();
  }
  u_.push_back(u);
  s_.push_back(triplets.s);
  vt_.push_back(vt);
}

BasisStack::Orthonormal BasisStack::orthonormalise(int64_t r) const {
  Polar u = polar_factor(at::cat(u_, 1), r, null_space_);
  Polar vt = polar_factor(at::cat(vt_, 0), r, null_space_);
  return {u.factor, at::cat(s_, 0), vt.factor, std::max(u.cut, vt.cut),
          is_doubtful_ || u.is_doubtful || vt.is_doubtful};
}

}  // namespace isomerge
