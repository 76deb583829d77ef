#include "linalg/svd.h"

#include <cmath>

#include <ATen/ops/diag.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "support/random_tensors.h"

namespace isomerge {
namespace {

// u diag(values) v^T with orthonormal u [m, c], v [n, c].
at::Tensor with_spectrum(int64_t m, int64_t n, const std::vector<double>& values) {
  const auto c = static_cast<int64_t>(values.size());
  return at::matmul(random_orthonormal(m, c, 1).mul(at::tensor(values, at::kDouble)),
                    random_orthonormal(n, c, 2).t());
}

TEST(ThinSvd, ReconstructsTallWideAndSquareMatrices) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{9, 4}, {4, 9}, {6, 6}, {1, 5}, {5, 1}}) {
    const at::Tensor a = random_tensor({m, n}, 3);
    const Svd svd = thin_svd(a);
    const int64_t r = std::min(m, n);
    ASSERT_EQ(svd.u.sizes(), at::IntArrayRef({m, r}));
    ASSERT_EQ(svd.vt.sizes(), at::IntArrayRef({r, n}));
    EXPECT_LE(relative_error(at::matmul(svd.u.mul(svd.s), svd.vt), a), 1e-13);
    EXPECT_LE(relative_error(at::matmul(svd.u.t(), svd.u), at::eye(r, at::kDouble)), 1e-13);
    EXPECT_LE(relative_error(at::matmul(svd.vt, svd.vt.t()), at::eye(r, at::kDouble)), 1e-13);
    for (int64_t i = 1; i < r; ++i) {
      EXPECT_GE(svd.s[i - 1].item<double>(), svd.s[i].item<double>());
    }
  }
}

TEST(ThinSvd, LeadingKeepsTheLargestTriplets) {
  const Svd svd = thin_svd(with_spectrum(6, 5, {5, 4, 3, 2, 1})).leading(2);
  EXPECT_EQ(svd.u.size(1), 2);
  EXPECT_EQ(svd.vt.size(0), 2);
  EXPECT_LE(relative_error(svd.s, at::tensor({5.0, 4.0}, at::kDouble)), 1e-13);
}

TEST(SpectralNorm, IsTheLargestSingularValueEitherWayRound) {
  const at::Tensor a = with_spectrum(7, 3, {4, 2, 1});
  EXPECT_NEAR(spectral_norm(a), 4.0, 1e-12);
  EXPECT_NEAR(spectral_norm(a.t()), 4.0, 1e-12);
}

TEST(NullThreshold, IsSqrtOfRankTimesSinglePrecisionEpsilonTimesTheLargestValue) {
  EXPECT_DOUBLE_EQ(null_threshold(4, 3.0), 2.0 * std::pow(2.0, -23) * 3.0);
}

TEST(RankAbove, IsStrict) {
  EXPECT_EQ(rank_above(at::tensor({3.0, 2.0, 2.0, 0.0}, at::kDouble), 2.0).kept, 1);
  EXPECT_EQ(rank_above(at::tensor({0.0}, at::kDouble), 0.0).kept, 0);
  EXPECT_EQ(rank_above(at::zeros({0}), 1.0).kept, 0);
}

TEST(RankAbove, IsDoubtfulUpToEightThresholds) {
  EXPECT_TRUE(rank_above(at::tensor({9.0, 0.5}, at::kDouble), 1.0).is_doubtful);
  EXPECT_TRUE(rank_above(at::tensor({9.0, 7.9}, at::kDouble), 1.0).is_doubtful);
  EXPECT_FALSE(rank_above(at::tensor({9.0, 8.1}, at::kDouble), 1.0).is_doubtful);
}

TEST(PolarFactor, OfAnOrthonormalMatrixIsItself) {
  const at::Tensor q = random_orthonormal(8, 5, 4);
  const Polar polar = polar_factor(q.mul(3), 5, NullSpace::kZero);
  EXPECT_LE(relative_error(polar.factor, q), 1e-13);
  EXPECT_EQ(polar.cut, 0);
}

TEST(PolarFactor, LeavesOutDirectionsAtTheThresholdAndKeepsThoseAbove) {
  const int64_t r = 4;
  const double threshold = null_threshold(r, 2.0);
  const at::Tensor a = with_spectrum(6, 4, {2.0, 1.0, threshold * 1.01, threshold * 0.99});
  const Polar polar = polar_factor(a, r, NullSpace::kZero);
  EXPECT_EQ(polar.cut, 1);
  const at::Tensor gram = at::matmul(polar.factor.t(), polar.factor);
  EXPECT_NEAR(gram.trace().item<double>(), 3.0, 1e-9) << "a partial isometry of rank 3";
  EXPECT_LE(relative_error(at::matmul(gram, gram), gram), 1e-9);
}

TEST(PolarFactor, FillKeepsAsManyDirectionsAsTheMatrixHas) {
  const Polar polar = polar_factor(with_spectrum(6, 4, {2.0, 1.0}), 4, NullSpace::kFill);
  EXPECT_EQ(polar.cut, 2);
  EXPECT_LE(relative_error(at::matmul(polar.factor.t(), polar.factor), at::eye(4, at::kDouble)),
            1e-12);
}

TEST(PolarFactor, OfZeroIsZero) {
  const Polar polar = polar_factor(at::zeros({3, 5}, at::kDouble), 3, NullSpace::kZero);
  EXPECT_EQ(polar.cut, 3);
  EXPECT_EQ(polar.factor.count_nonzero().item<int64_t>(), 0);
}

}  // namespace
}  // namespace isomerge
