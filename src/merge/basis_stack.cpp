#include "merge/basis_stack.h"

#include <algorithm>
#include <utility>

#include <ATen/ops/cat.h>

namespace isomerge {

void BasisStack::append(Svd triplets, double threshold, const std::function<Svd()>& by_lapack) {
  fallbacks_ += triplets.fallbacks;
  Rank rank = rank_above(triplets.s, threshold);
  if (rank.is_doubtful && route_ == Route::kGram) {
    triplets = by_lapack();
    rank = rank_above(triplets.s, threshold);
    ++repeats_;
  }
  const int64_t all = triplets.s.numel();
  if (null_space_ == NullSpace::kFill) return append(triplets);
  left_out_ += all - rank.kept;
  append(triplets.leading(rank.kept));
}

void BasisStack::append(const Svd& triplets) {
  if (triplets.s.numel() == 0) return;
  u_.push_back(triplets.u);
  s_.push_back(triplets.s);
  v_.push_back(triplets.vt.t());
}

BasisStack::Orthonormal BasisStack::orthonormalise(int64_t r, bool first_is_orthonormal,
                                                   Findings* findings) && {
  const auto basis_of = [&](std::vector<at::Tensor> blocks) {
    at::Tensor first, others;
    if (first_is_orthonormal) first = blocks.front();
    blocks.erase(blocks.begin(), blocks.begin() + (first_is_orthonormal ? 1 : 0));
    if (!blocks.empty()) others = at::cat(blocks, 1);
    blocks.clear();  // not twice in memory
    return isomerge::orthonormalise(first, others, r, null_space_, route_);
  };
  Orthonormal out{basis_of(std::move(u_)), basis_of(std::move(v_)), at::cat(s_, 0)};
  findings->cut += left_out_ + std::max(out.u.cut, out.v.cut);
  findings->fallbacks += fallbacks_ + out.u.fallbacks + out.v.fallbacks;
  findings->repeats += repeats_ + out.u.repeats + out.v.repeats;
  return out;
}

}  // namespace isomerge
