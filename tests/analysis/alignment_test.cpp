#include "analysis/alignment.h"

#include <cmath>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <gtest/gtest.h>

#include "linalg/product.h"
#include "support/random_tensors.h"
#include "support/spectrum.h"

namespace isomerge {
namespace {

const std::vector<std::pair<int64_t, int64_t>> kShapes = {{5, 9}, {9, 5}, {6, 6}};
const std::vector<Side> kSides = {Side::kLeft, Side::kRight, Side::kBoth};

SingularSpace space_of(const at::Tensor& a) {
  return SingularSpace(a, all_eigenpairs(gram_of_rows(short_side_rows(a))));
}

at::Tensor aligned(const at::Tensor& d, const at::Tensor& merged, Side side) {
  return subspace_alignment(d, space_of(merged).leading(merged.numel(), side), side);
}

// Eq. 5 as it reads, with the projectors as matrices.
double by_projectors(const at::Tensor& d, const at::Tensor& merged, int64_t k, Side side) {
  const Svd svd = thin_svd(merged).leading(k);
  at::Tensor part = d;
  if (side != Side::kRight) part = at::matmul(svd.u, at::matmul(svd.u.t(), part));
  if (side != Side::kLeft) part = at::matmul(at::matmul(part, svd.vt.t()), svd.vt);
  return (part.norm() / d.norm()).item<double>();
}

TEST(SubspaceAlignment, IsEquation5ForEveryRankAtOnceOnEverySide) {
  for (const auto& [m, n] : kShapes) {
    const at::Tensor d = random_tensor({m, n}, 1), merged = random_tensor({m, n}, 2);
    for (const Side side : kSides) {
      const at::Tensor ratios = aligned(d, merged, side);
      ASSERT_EQ(ratios.numel(), std::min(m, n) + 1);
      for (int64_t k = 0; k <= std::min(m, n); ++k) {
        EXPECT_NEAR(ratios[k].item<double>(), by_projectors(d, merged, k, side), 1e-12) << k;
      }
    }
  }
}

TEST(SubspaceAlignment, OfSinglePrecisionIsThatOfDoublePrecision) {
  const at::Tensor d = random_tensor({40, 60}, 1), merged = random_tensor({40, 60}, 2);
  for (const Side side : kSides) {
    EXPECT_LE(relative_error(aligned(d.to(at::kFloat), merged, side), aligned(d, merged, side)),
              1e-6);
  }
}

TEST(SubspaceAlignment, WithAllDirectionsOfTheShortSideIsOne) {
  const at::Tensor wide = random_tensor({5, 9}, 1), tall = random_tensor({9, 5}, 2);
  EXPECT_NEAR(aligned(wide, random_tensor({5, 9}, 3), Side::kLeft)[5].item<double>(), 1.0, 1e-14);
  EXPECT_NEAR(aligned(tall, random_tensor({9, 5}, 3), Side::kRight)[5].item<double>(), 1.0, 1e-14);
  EXPECT_LT(aligned(tall, random_tensor({9, 5}, 3), Side::kLeft)[5].item<double>(), 0.95)
      << "five directions of nine";
}

TEST(SubspaceAlignment, OfAnUpdateInTheSpanIsOneAndOfAnOrthogonalOneZero) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{8, 12}, {12, 8}}) {
    const at::Tensor u = random_orthonormal(m, 6, 1), vt = random_orthonormal(n, 6, 2).t();
    const auto in = [&](int64_t first) {  // three columns of u and rows of vt
      return at::matmul(u.narrow(1, first, 3),
                        at::matmul(random_tensor({3, 3}, 3), vt.narrow(0, first, 3)));
    };
    for (const Side side : kSides) {
      EXPECT_NEAR(aligned(in(0) * 7, in(0), side)[3].item<double>(), 1.0, 1e-12);
      EXPECT_NEAR(aligned(in(3), in(0), side)[3].item<double>(), 0.0, 1e-12);
    }
  }
}

TEST(SubspaceAlignment, DoesNotDependOnTheScaleOfEither) {
  const at::Tensor d = random_tensor({5, 9}, 1), merged = random_tensor({5, 9}, 2);
  EXPECT_LE(
      relative_error(aligned(d * 1e-9, merged * 1e9, Side::kLeft), aligned(d, merged, Side::kLeft)),
      1e-12);
}

TEST(SubspaceAlignment, WithoutDirectionsIsZero) {
  const at::Tensor d = random_tensor({5, 9}, 1);
  const at::Tensor ratios = subspace_alignment(d, space_of(d).leading(0, Side::kBoth), Side::kBoth);
  ASSERT_EQ(ratios.numel(), 1);
  EXPECT_EQ(ratios[0].item<double>(), 0.0);
}

TEST(SubspaceAlignment, NeverExceedsOneByRounding) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const at::Tensor d = random_tensor({30, 40}, seed).to(at::kFloat);
    EXPECT_LE(aligned(d, d, Side::kLeft).max().item<double>(), 1.0);
  }
}

TEST(SingularSpace, HasTheSpectrumAndTheDirectionsOfTheSvdByBothRoutes) {
  for (const auto& [m, n] : kShapes) {
    const at::Tensor a = random_tensor({m, n}, 4);
    const Svd want = thin_svd(a).leading(3);
    for (const SingularSpace& space : {space_of(a), SingularSpace(a)}) {
      EXPECT_LE(relative_error(space.values(), thin_svd(a).s), 1e-12);
      EXPECT_EQ(space.rank(), std::min(m, n));
      const Directions both = space.leading(3, Side::kBoth);
      EXPECT_LE(
          relative_error(at::matmul(both.left, both.left.t()), at::matmul(want.u, want.u.t())),
          1e-12);
      EXPECT_LE(
          relative_error(at::matmul(both.right, both.right.t()), at::matmul(want.vt.t(), want.vt)),
          1e-12);
      EXPECT_LE(relative_error(space.leading(3, Side::kLeft).left.abs(), both.left.abs()), 1e-12);
      EXPECT_FALSE(space.leading(3, Side::kRight).left.defined());
      EXPECT_LE(relative_error(space.leading(3, Side::kRight).right.abs(), both.right.abs()),
                1e-12);
    }
  }
}

TEST(SingularSpace, HasNoDirectionsForValuesThatCountAsZero) {
  const at::Tensor a = with_spectrum(6, 8, {3, 2, 1e-9});
  for (const SingularSpace& space : {space_of(a), SingularSpace(a)}) {
    EXPECT_EQ(space.rank(), 2);
    EXPECT_EQ(space.leading(6, Side::kLeft).left.size(1), 2);
    EXPECT_EQ(space.leading(6, Side::kRight).right.size(1), 2);
  }
}

TEST(SingularSpace, OfUnsoundEigenpairsIsThatOfLapack) {
  const at::Tensor a = random_tensor({4, 6}, 5);
  SymmetricEigen wrong = all_eigenpairs(gram_of_rows(short_side_rows(random_tensor({4, 6}, 6))));
  wrong.is_sound = false;
  EXPECT_LE(relative_error(SingularSpace(a, wrong).values(), thin_svd(a).s), 1e-13);
}

}  // namespace
}  // namespace isomerge
