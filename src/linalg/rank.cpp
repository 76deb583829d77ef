#include "linalg/rank.h"

#include <cmath>
#include <limits>

namespace isomerge {

double null_threshold(int64_t r, double sigma_1) {
  return std::sqrt(static_cast<double>(r)) *
         static_cast<double>(std::numeric_limits<float>::epsilon()) * sigma_1;
}

Rank rank_above(const at::Tensor& s, double threshold) {
  // The Gram route finds zero values below threshold / 10 and errs by 1e-4 of a value near the
  // threshold, the fp32 rounding of the updates by some 1e-2 of it.
  constexpr double kDoubt = 1.5;
  const int64_t kept = s.gt(threshold).sum().item<int64_t>();
  const bool is_doubtful =
      s.gt(threshold / kDoubt).logical_and(s.le(threshold * kDoubt)).any().item<bool>();
  return {kept, is_doubtful};
}

}  // namespace isomerge
