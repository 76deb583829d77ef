#include "analysis/singular_space.h"

#include <algorithm>
#include <utility>

#include "linalg/rank.h"

namespace isomerge {

SingularSpace::SingularSpace(at::Tensor d, SymmetricEigen eigen)
    : d_(std::move(d)), eigen_(std::move(eigen)) {
  if (!eigen_.is_sound) {
    *this = SingularSpace(d_);
    return;
  }
  values_ = singular_values(eigen_);
  count_rank();
}

SingularSpace::SingularSpace(at::Tensor d) : d_(std::move(d)), svd_(thin_svd(d_.to(at::kDouble))) {
  values_ = svd_->s;
  count_rank();
}

void SingularSpace::count_rank() {
  if (values_.numel() == 0) return;
  const int64_t r = std::min(d_.size(0), d_.size(1));
  rank_ = rank_above(values_, null_threshold(r, values_[0].item<double>())).kept;
}

Directions SingularSpace::leading(int64_t k, Side side) const {
  const int64_t count = std::min(k, rank_);
  const bool wants_left = side != Side::kRight, wants_right = side != Side::kLeft;
  const bool is_left_short = d_.size(0) <= d_.size(1);
  Directions out;
  if (!svd_ && side == (is_left_short ? Side::kLeft : Side::kRight)) {
    (wants_left ? out.left : out.right) = eigen_.vectors.narrow(1, 0, count);
    return out;
  }
  const Svd svd = svd_ ? svd_->leading(count) : leading_triplets(d_, eigen_, count);
  if (wants_left) out.left = svd.u;
  if (wants_right) out.right = svd.vt.t();
  return out;
}

}  // namespace isomerge
