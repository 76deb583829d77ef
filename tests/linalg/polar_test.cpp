#include "linalg/polar.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "linalg/product.h"
#include "linalg/svd.h"
#include "support/random_tensors.h"
#include "support/spectrum.h"

namespace isomerge {
namespace {

at::Tensor columns(const OrthonormalBasis& basis) {
  const at::Tensor root = basis.whole_root();
  return root.defined() ? at::matmul(basis.basis(), root) : basis.basis();
}

// With the first `known` columns taken as orthonormal.
OrthonormalBasis orthonormal(const at::Tensor& basis, int64_t known, int64_t r,
                             Route route = Route::kGram) {
  const int64_t p = basis.size(1) - known;
  return orthonormalise(known == 0 ? at::Tensor() : basis.narrow(1, 0, known),
                        p == 0 ? at::Tensor() : basis.narrow(1, known, p), r, NullSpace::kZero,
                        route);
}

TEST(PolarFactor, OfAnOrthonormalMatrixIsItself) {
  const at::Tensor q = random_orthonormal(8, 5, 4);
  const Polar polar = polar_factor(q.mul(3), 5, NullSpace::kZero, Route::kLapack);
  EXPECT_LE(relative_error(polar.factor, q), 1e-13);
  EXPECT_EQ(polar.cut, 0);
}

TEST(PolarFactor, LeavesOutDirectionsAtTheThresholdAndKeepsThoseAbove) {
  const int64_t r = 4;
  const double threshold = null_threshold(r, 2.0);
  const at::Tensor a = with_spectrum(6, 4, {2.0, 1.0, threshold * 1.01, threshold * 0.99});
  const Polar polar = polar_factor(a, r, NullSpace::kZero, Route::kLapack);
  EXPECT_EQ(polar.cut, 1);
  const at::Tensor gram = at::matmul(polar.factor.t(), polar.factor);
  EXPECT_NEAR(gram.trace().item<double>(), 3.0, 1e-9) << "a partial isometry of rank 3";
  EXPECT_LE(relative_error(at::matmul(gram, gram), gram), 1e-9);
}

TEST(PolarFactor, FillKeepsAsManyDirectionsAsTheMatrixHas) {
  const Polar polar =
      polar_factor(with_spectrum(6, 4, {2.0, 1.0}), 4, NullSpace::kFill, Route::kLapack);
  EXPECT_EQ(polar.cut, 2);
  EXPECT_LE(relative_error(at::matmul(polar.factor.t(), polar.factor), at::eye(4, at::kDouble)),
            1e-12);
}

TEST(PolarFactor, OfZeroIsZero) {
  const Polar polar =
      polar_factor(at::zeros({3, 5}, at::kDouble), 3, NullSpace::kZero, Route::kLapack);
  EXPECT_EQ(polar.cut, 3);
  EXPECT_EQ(polar.factor.count_nonzero().item<int64_t>(), 0);
}

TEST(PolarFactor, OfBothRoutesAgree) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{40, 90}, {90, 40}, {60, 60}}) {
    const at::Tensor a = random_tensor({m, n}, 5);
    const Polar gram = polar_factor(a, 40, NullSpace::kZero, Route::kGram);
    const Polar lapack = polar_factor(a, 40, NullSpace::kZero, Route::kLapack);
    EXPECT_LE(relative_error(gram.factor, lapack.factor), 2e-6);
    EXPECT_NEAR(gram.nuclear_norm, lapack.nuclear_norm, 1e-9 * lapack.nuclear_norm);
    EXPECT_EQ(gram.cut, 0);
    EXPECT_EQ(gram.fallbacks, 0);
  }
}

TEST(PolarFactor, WhoseRankIsInDoubtIsRepeatedByLapack) {
  for (const double factor : {0.97, 1.03}) {
    const at::Tensor a = with_spectrum(20, 30, {3, 2, 3 * factor * null_threshold(20, 1.0)});
    const Polar gram = polar_factor(a, 20, NullSpace::kZero, Route::kGram);
    const Polar lapack = polar_factor(a, 20, NullSpace::kZero, Route::kLapack);
    EXPECT_EQ(gram.repeats, 1) << factor;
    EXPECT_EQ(lapack.repeats, 0) << factor;
    EXPECT_EQ(gram.cut, factor < 1 ? 18 : 17);
    EXPECT_LE(relative_error(gram.factor, lapack.factor), 1e-12) << factor;
  }
}

TEST(Orthonormalise, RepeatsByLapackWhatIsInDoubt) {
  for (const double factor : {0.97, 1.03}) {
    const at::Tensor basis = with_spectrum(20, 3, {1, 1, factor * null_threshold(20, 1.0)});
    const OrthonormalBasis gram = orthonormal(basis, 0, 20);
    EXPECT_EQ(gram.repeats, 1) << factor;
    EXPECT_EQ(gram.cut, factor < 1 ? 1 : 0) << factor;
  }
}

TEST(PolarFactor, OfARankDeficientMatrixIsTheSameByBothRoutes) {
  const at::Tensor a = with_spectrum(50, 70, {3, 2, 1, 0.5});
  const Polar gram = polar_factor(a, 50, NullSpace::kZero, Route::kGram);
  const Polar lapack = polar_factor(a, 50, NullSpace::kZero, Route::kLapack);
  EXPECT_EQ(gram.cut, 46);
  EXPECT_EQ(lapack.cut, 46);
  EXPECT_EQ(gram.repeats, 0);
  EXPECT_LE(relative_error(gram.factor, lapack.factor), 1e-6);
  EXPECT_NEAR(gram.nuclear_norm, 6.5, 1e-5);
}

// The smallest directions get full weight: what squaring the condition costs must not show.
TEST(PolarFactor, OfAMatrixOfConditionThirtyThousandIsMoreExactThanLapackInSinglePrecision) {
  std::vector<double> values;
  for (int i = 0; i < 96; ++i) values.push_back(std::pow(3e4, -i / 95.0));
  const at::Tensor a = with_spectrum(96, 96, values).to(at::kFloat);
  const at::Tensor want = polar_factor(a, 96, NullSpace::kZero, Route::kLapack).factor;
  const Svd single = thin_svd(a);
  const double error_of_single = relative_error(at::matmul(single.u, single.vt), want);
  const double error =
      relative_error(polar_factor(a, 96, NullSpace::kZero, Route::kGram).factor, want);
  EXPECT_LT(error, error_of_single);
  EXPECT_LT(error, 1e-4);
}

TEST(PolarFactor, OfUnsoundEigenpairsFallsBackToLapack) {
  const at::Tensor a = random_tensor({5, 7}, 6);
  SymmetricEigen eigen = all_eigenpairs(gram_of_rows(a));
  eigen.is_sound = false;
  const Polar polar = polar_factor(a, eigen, 5);
  EXPECT_EQ(polar.fallbacks, 1);
  EXPECT_LE(
      relative_error(polar.factor, polar_factor(a, 5, NullSpace::kZero, Route::kLapack).factor),
      1e-13);
}

// Columns that overlap the known ones fully, in part and not at all; few of them, and too many for
// the restricted problem.
TEST(Orthonormalise, WithKnownColumnsEqualsThePolarFactor) {
  for (const int64_t others : {1, 3, 9, 20}) {
    const at::Tensor known = random_orthonormal(60, 12, 7);
    const at::Tensor basis = at::cat({known, random_tensor({60, others}, 8)}, 1);
    const OrthonormalBasis got = orthonormal(basis, 12, 60);
    EXPECT_LE(relative_error(columns(got),
                             polar_factor(basis, 60, NullSpace::kZero, Route::kLapack).factor),
              1e-12)
        << others;
  }
}

// Columns outside the span of the known ones, dependent among themselves.
TEST(Orthonormalise, ColumnsThatOverlapNothingKnownAreMadeOrthonormalAmongThemselves) {
  const at::Tensor q = random_orthonormal(20, 9, 13);
  const at::Tensor others = at::matmul(q.narrow(1, 5, 4), random_tensor({4, 6}, 14).mul(0.1));
  const at::Tensor basis = at::cat({q.narrow(1, 0, 5), others}, 1);
  const OrthonormalBasis got = orthonormal(basis, 5, 20);
  EXPECT_EQ(got.cut, 2);
  EXPECT_LE(relative_error(columns(got),
                           polar_factor(basis, 20, NullSpace::kZero, Route::kLapack).factor),
            1e-9);
}

TEST(Orthonormalise, AnOverlapThatFp32CouldShowCounts) {
  const at::Tensor q = random_orthonormal(20, 9, 17);
  for (const double overlap : {1e-2, 1e-5}) {
    const at::Tensor others = q.narrow(1, 5, 4) + q.narrow(1, 0, 4) * overlap;
    const at::Tensor basis = at::cat({q.narrow(1, 0, 5), others}, 1);
    EXPECT_LE(relative_error(columns(orthonormal(basis, 5, 20)),
                             polar_factor(basis, 20, NullSpace::kZero, Route::kLapack).factor),
              1e-12)
        << overlap;
  }
}

// What counts is measured by the first columns too, whose values are 1.
TEST(Orthonormalise, ColumnsApartThatAreNothingBesideTheFirstAreCut) {
  const at::Tensor q = random_orthonormal(20, 9, 15);
  const at::Tensor basis = at::cat({q.narrow(1, 0, 5), q.narrow(1, 5, 4) * 1e-9}, 1);
  EXPECT_EQ(orthonormal(basis, 5, 20).cut, 4);
}

TEST(Orthonormalise, OfOrthonormalColumnsAloneIsThem) {
  const at::Tensor q = random_orthonormal(9, 4, 9);
  EXPECT_TRUE(columns(orthonormal(q, 4, 9)).equal(q));
}

TEST(Orthonormalise, ADirectionThatIsThereTwiceIsCutOnceAndShared) {
  const at::Tensor q = random_orthonormal(9, 4, 10);
  const at::Tensor basis = at::cat({q, q.narrow(1, 0, 1)}, 1);
  for (const int64_t known : {0, 4}) {
    const OrthonormalBasis got = orthonormal(basis, known, 9);
    EXPECT_EQ(got.cut, 1) << known;
    EXPECT_LE(relative_error(columns(got),
                             polar_factor(basis, 9, NullSpace::kZero, Route::kLapack).factor),
              1e-9);
  }
}

TEST(Combine, MultipliesBothFactorsWhicheverSideIsLong) {
  const at::Tensor s = at::tensor({3.0, 2.0, 1.0, 0.5, 0.1}, at::kDouble);
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{20, 9}, {9, 20}}) {
    for (const Route left : {Route::kGram, Route::kLapack}) {
      for (const Route right : {Route::kGram, Route::kLapack}) {
        const auto u = orthonormal(random_tensor({m, 5}, 11), 0, 9, left);
        const auto v = orthonormal(random_tensor({n, 5}, 12), 0, 9, right);
        const at::Tensor want = at::matmul(columns(u).mul(s), columns(v).t());
        EXPECT_LE(relative_error(combine(u, s, v, at::kDouble), want), 1e-12);
        EXPECT_EQ(combine(u, s, v, at::kFloat).scalar_type(), at::kFloat);
      }
    }
  }
}

// As Iso-CTS has them: the others overlap nothing on the left, and on the right something, nothing,
// or too much for the restricted problem.
TEST(Combine, BesideTheProductOfTheFirstColumnsIsTheSame) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{60, 40}, {40, 60}}) {
    for (const auto& [k, p] : {std::pair<int64_t, int64_t>{20, 6}, {8, 8}, {20, 0}}) {
      const at::Tensor left = random_orthonormal(m, k + p, 21);
      const at::Tensor right = random_orthonormal(n, k, 22);
      const at::Tensor skew = at::matmul(left.narrow(1, k, p), random_tensor({p, p}, 23));
      const at::Tensor outside = random_tensor({n, p}, 24);
      const at::Tensor apart = outside - at::matmul(right, at::matmul(right.t(), outside));
      const auto u = orthonormal(at::cat({left.narrow(1, 0, k), skew}, 1), k, 60);
      const at::Tensor first = at::matmul(left.narrow(1, 0, k), right.t());
      for (const at::Tensor& others : {outside, apart}) {
        const auto v = orthonormal(at::cat({right, others}, 1), k, 60);
        const at::Tensor want = at::matmul(columns(u), columns(v).t()).mul(0.7);
        EXPECT_LE(relative_error(combine(u, 0.7, v, at::kDouble, first), want), 1e-11) << m << k;
        EXPECT_LE(relative_error(combine(u, 0.7, v, at::kDouble), want), 1e-11) << m << k;
        const at::Tensor single = combine(u, 0.7, v, at::kFloat, first.to(at::kFloat));
        EXPECT_EQ(single.scalar_type(), at::kFloat);
        EXPECT_LE(relative_error(single.to(at::kDouble), want), 1e-6) << m << k;
      }
    }
  }
}

TEST(Combine, BesideAProductUsesItOnlyWhereTheOthersOnTheLeftOverlapNothing) {
  const auto u =
      orthonormal(at::cat({random_orthonormal(30, 9, 25), random_tensor({30, 3}, 26)}, 1), 9, 30);
  const auto v =
      orthonormal(at::cat({random_orthonormal(20, 9, 27), random_tensor({20, 3}, 28)}, 1), 9, 30);
  const at::Tensor want = at::matmul(columns(u), columns(v).t());
  const at::Tensor first = at::matmul(u.first, v.first.t());
  EXPECT_LE(relative_error(combine(u, 1.0, v, at::kDouble, first), want), 1e-11);
}

}  // namespace
}  // namespace isomerge
