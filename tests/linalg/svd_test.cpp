#include "linalg/svd.h"

#include <cmath>

#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "support/random_tensors.h"
#include "support/spectrum.h"

namespace isomerge {
namespace {

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

TEST(IsSvdOf, RefusesWhatIsNotOrthonormalDoesNotMapOntoEachOtherOrHasWrongValues) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{9, 6}, {6, 9}}) {
    const at::Tensor a = random_tensor({m, n}, 3);
    const Svd svd = thin_svd(a);
    EXPECT_TRUE(is_svd_of(svd, a));
    EXPECT_TRUE(is_svd_of(
        svd.leading(4),
        at::matmul(svd.u.narrow(1, 0, 4).mul(svd.s.narrow(0, 0, 4)), svd.vt.narrow(0, 0, 4))));
    Svd stretched = svd, turned = svd, scaled = svd;
    stretched.u = svd.u.clone();
    stretched.u.select(1, 2).mul_(1.001);
    EXPECT_FALSE(is_svd_of(stretched, a));
    stretched = svd;
    stretched.vt = svd.vt.clone();
    stretched.vt.select(0, 5).mul_(1.001);
    EXPECT_FALSE(is_svd_of(stretched, a));
    turned.u = svd.u.flip(1);
    EXPECT_FALSE(is_svd_of(turned, a));
    scaled.s = svd.s.mul(1.001);
    EXPECT_FALSE(is_svd_of(scaled, a));
    EXPECT_TRUE(
        is_svd_of(thin_svd(at::zeros({m, n}, at::kDouble)), at::zeros({m, n}, at::kDouble)));
    EXPECT_TRUE(is_svd_of(thin_svd(a.to(at::kFloat)), a.to(at::kFloat)));
  }
}

TEST(ThinSvd, LeadingKeepsTheLargestTriplets) {
  const Svd svd = thin_svd(with_spectrum(6, 5, {5, 4, 3, 2, 1})).leading(2);
  EXPECT_EQ(svd.u.size(1), 2);
  EXPECT_EQ(svd.vt.size(0), 2);
  EXPECT_LE(relative_error(svd.s, at::tensor({5.0, 4.0}, at::kDouble)), 1e-13);
}

TEST(AllSingularValues, OfBothRoutesAreThoseOfTheSvd) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{9, 4}, {4, 9}, {6, 6}, {1, 5}}) {
    const at::Tensor a = random_tensor({m, n}, 3);
    for (const Route route : {Route::kGram, Route::kLapack}) {
      EXPECT_LE(relative_error(all_singular_values(a, route), thin_svd(a).s), 1e-12);
    }
    EXPECT_EQ(all_singular_values(a.to(at::kFloat), Route::kLapack).scalar_type(), at::kDouble);
  }
}

TEST(AllSingularValues, OfAMatrixWithoutFullRankAreNeverNaN) {
  for (const at::Tensor& a : {at::zeros({3, 4}, at::kDouble), with_spectrum(6, 5, {3, 1})}) {
    EXPECT_LE(relative_error(all_singular_values(a, Route::kGram), thin_svd(a).s), 1e-7);
  }
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

TEST(RankAbove, IsDoubtfulOnlyNearTheThreshold) {
  EXPECT_TRUE(rank_above(at::tensor({9.0, 0.96}, at::kDouble), 1.0).is_doubtful);
  EXPECT_TRUE(rank_above(at::tensor({9.0, 1.04}, at::kDouble), 1.0).is_doubtful);
  EXPECT_FALSE(rank_above(at::tensor({9.0, 1.06}, at::kDouble), 1.0).is_doubtful);
  EXPECT_FALSE(rank_above(at::tensor({9.0, 0.94}, at::kDouble), 1.0).is_doubtful) << "surely zero";
}

std::vector<double> decaying(int64_t r) {
  std::vector<double> values;
  for (int64_t i = 0; i < r; ++i)
    values.push_back(std::pow(1.0 + static_cast<double>(i) / 8, -1.5));
  return values;
}

// By the Gram matrix as by LAPACK: few, half, all; tall, wide, square.
TEST(LeadingTriplets, OfBothRoutesAreTheLeadingPartOfTheSvd) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{300, 400}, {400, 300}, {300, 300}}) {
    const at::Tensor a = with_spectrum(m, n, decaying(300));
    const Svd all = thin_svd(a);
    for (const int64_t k : {0, 5, 20, 150, 300}) {
      const Svd want = all.leading(k);
      const at::Tensor part = at::matmul(want.u.mul(want.s), want.vt);
      for (const Route route : {Route::kGram, Route::kLapack}) {
        const Svd got = leading_triplets(a, k, route);
        EXPECT_LE(relative_error(at::matmul(got.u.mul(got.s), got.vt), part), 1e-9) << k;
        EXPECT_LE(relative_error(got.s, want.s), 1e-11) << k;
        EXPECT_NEAR(got.next, want.next, 1e-11) << k;
        EXPECT_EQ(got.fallbacks, 0);
      }
    }
  }
}

TEST(LeadingTriplets, OfSinglePrecisionAreMoreExactThanLapackInSinglePrecision) {
  const at::Tensor a = with_spectrum(128, 256, decaying(128)).to(at::kFloat);
  const auto error = [&](const Svd& svd) {
    const at::Tensor u = svd.u.to(at::kDouble), want = thin_svd(a.to(at::kDouble)).leading(16).u;
    return relative_error(at::matmul(u, u.t()), at::matmul(want, want.t()));
  };
  EXPECT_LT(error(leading_triplets(a, 16, Route::kGram)), error(thin_svd(a).leading(16)) / 4);
}

TEST(IsTiedCut, SaysWhetherTheLastValueKeptAndTheFirstLeftOutAreTheSame) {
  const auto tied = [](const std::vector<double>& values, int64_t k) {
    return is_tied_cut(leading_triplets(with_spectrum(9, 8, values), k, Route::kLapack), 8);
  };
  EXPECT_TRUE(tied({3, 2, 2, 1}, 2));
  EXPECT_FALSE(tied({3, 2, 2, 1}, 1));
  EXPECT_FALSE(tied({3, 2, 2, 1}, 3));
  EXPECT_FALSE(tied({3, 2}, 4)) << "between zeros nothing is kept";
  EXPECT_FALSE(tied({3, 2, 2, 1, 1, 1, 1, 1}, 8)) << "all of them";
}

}  // namespace
}  // namespace isomerge
