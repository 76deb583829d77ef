#include "linalg/svd.h"

#include <cmath>
#include <limits>
#include <tuple>

#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/matmul.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {
namespace {

Error no_convergence(const at::Tensor& a) {
  return {Fault::kInternal,
          fmt::format("the SVD of a [{}, {}] matrix did not converge; try --precision fp64",
                      a.size(0), a.size(1))};
}

}  // namespace

Svd Svd::leading(int64_t k) const {
  return {u.narrow(1, 0, k), s.narrow(0, 0, k), vt.narrow(0, 0, k)};
}

Svd thin_svd(const at::Tensor& a) {
  try {
    if (a.size(0) >= a.size(1)) {
      auto [u, s, vt] = at::linalg_svd(a, /*full_matrices=*/false);
      return {u, s, vt};
    }
    auto [v, s, ut] = at::linalg_svd(a.t(), /*full_matrices=*/false);
    return {ut.t(), s, v.t()};
  } catch (const c10::LinAlgError&) {
    throw no_convergence(a);
  }
}

double spectral_norm(const at::Tensor& a) {
  try {
    return at::linalg_svdvals(a.size(0) >= a.size(1) ? a : a.t())[0].item<double>();
  } catch (const c10::LinAlgError&) {
    throw no_convergence(a);
  }
}

double null_threshold(int64_t r, double sigma_1) {
  return std::sqrt(static_cast<double>(r)) *
         static_cast<double>(std::numeric_limits<float>::epsilon()) * sigma_1;
}

Rank rank_above(const at::Tensor& s, double threshold) {
  // LAPACK's noise in fp32 was seen at up to 1.2 thresholds; real layers of condition 3e4 stay
  // above 8 of them.
  constexpr double kDoubt = 8.0;
  if (s.numel() == 0) return {};
  const bool is_doubtful = s[-1].item<double>() <= kDoubt * threshold;
  return {s.gt(threshold).sum().item<int64_t>(), is_doubtful};
}

Polar polar_factor(const Svd& svd, int64_t r, NullSpace null_space) {
  const int64_t size = svd.s.numel();
  const double sigma_1 = size > 0 ? svd.s[0].item<double>() : 0.0;
  const Rank rank = rank_above(svd.s, null_threshold(r, sigma_1));
  const Svd kept = null_space == NullSpace::kFill ? svd : svd.leading(rank.kept);
  return {at::matmul(kept.u, kept.vt), size - rank.kept, rank.is_doubtful};
}

Polar polar_factor(const at::Tensor& a, int64_t r, NullSpace null_space) {
  return polar_factor(thin_svd(a), r, null_space);
}

}  // namespace isomerge
