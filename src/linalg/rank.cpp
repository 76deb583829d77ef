#include "linalg/rank.h"

#include <cmath>
#include <limits>

namespace isomerge {

double null_threshold(int64_t r, double sigma_1) {
  return std::sqrt(static_cast<double>(r)) *
         static_cast<double>(std::numeric_limits<float>::epsilon()) * sigma_1;
}

Rank rank_above(const at::Tensor& s, double threshold) {
  // The Gram route's eigenvalues err by some r eps64 sigma_1^2, which near the threshold of
  // sqrt(r) eps32 sigma_1 is eps64 / eps32^2 = 1.6 % of the value squared, whatever r; the fp32
  // rounding of the updates moves it by as much. Zero values come out below a tenth of it.
  constexpr double kDoubt = 1.05;
  const int64_t kept = s.gt(threshold).sum().item<int64_t>();
  const bool is_doubtful =
      s.gt(threshold / kDoubt).logical_and(s.le(threshold * kDoubt)).any().item<bool>();
  return {kept, is_doubtful};
}

}  // namespace isomerge
