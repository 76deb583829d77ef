#include "merge/iso_c.h"

namespace isomerge {

Merged merge_iso_c(const std::vector<Update>& updates, NullSpace null_space) {
  const int64_t r = require_matrices(updates);
  const at::Tensor sum = sum_of_updates(updates);
  const Svd svd = thin_svd(sum);
  Polar polar = polar_factor(svd, r, null_space);
  return {polar.factor.mul_(svd.s.mean()), polar.cut, polar.is_doubtful};
}

}  // namespace isomerge
