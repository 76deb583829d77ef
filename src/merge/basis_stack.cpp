#include "merge/basis_stack.h"

#include <algorithm>
#include <utility>

#include <ATen/ops/cat.h>

namespace isomerge {

void BasisStack::append(const Svd& triplets, double threshold) {
  const auto [kept, is_doubtful] = rank_above(triplets.s, threshold);
  is_doubtful_ = is_doubtful_ || is_doubtful;
  fallbacks_ += triplets.fallbacks;
  const int64_t all = triplets.s.numel();
  const int64_t used = null_space_ == NullSpace::kFill ? all : kept;
  if (null_space_ == NullSpace::kZero) left_out_ += all - kept;
  if (used == 0) return;
  const Svd leading = triplets.leading(used);
  u_.push_back(leading.u);
  s_.push_back(leading.s);
  v_.push_back(leading.vt.t());
}

BasisStack::Orthonormal BasisStack::orthonormalise(int64_t r, bool first_is_orthonormal,
                                                   Findings* findings) && {
  const int64_t known = first_is_orthonormal ? s_.front().numel() : 0;
  const auto basis_of = [&](std::vector<at::Tensor> blocks) {
    const at::Tensor all = at::cat(blocks, 1);
    blocks.clear();  // not twice in memory
    return isomerge::orthonormalise(all, known, r, null_space_, route_);
  };
  Orthonormal out{basis_of(std::move(u_)), basis_of(std::move(v_)), at::cat(s_, 0)};
  findings->cut += left_out_ + std::max(out.u.cut, out.v.cut);
  findings->fallbacks += fallbacks_ + out.u.fallbacks + out.v.fallbacks;
  findings->is_doubtful =
      findings->is_doubtful || is_doubtful_ || out.u.is_doubtful || out.v.is_doubtful;
  return out;
}

}  // namespace isomerge
