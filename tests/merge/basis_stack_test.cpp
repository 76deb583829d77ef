#include "merge/basis_stack.h"

#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "support/random_tensors.h"

namespace isomerge {
namespace {

// Triplets with orthonormal u [8, c], vt [c, 9] and the given values.
Svd triplets(const std::vector<double>& values, uint64_t seed) {
  const auto c = static_cast<int64_t>(values.size());
  return {random_orthonormal(8, c, seed), at::tensor(values, at::kDouble),
          random_orthonormal(9, c, seed + 1).t()};
}

Svd not_asked_for() {
  ADD_FAILURE() << "nothing was in doubt";
  return {};
}

at::Tensor columns(const OrthonormalBasis& basis) {
  const at::Tensor root = basis.whole_root();
  return root.defined() ? at::matmul(basis.basis(), root) : basis.basis();
}

class BasisStackTest : public ::testing::TestWithParam<Route> {};

TEST_P(BasisStackTest, TripletsThatCountAsZeroAreLeftOutOfBothSides) {
  BasisStack stack(GetParam(), NullSpace::kZero);
  const Svd given = triplets({2.0, 1e-3}, 1);
  stack.append(given, /*threshold=*/1e-2, not_asked_for);
  Findings findings;
  const auto basis = BasisStack(stack).orthonormalise(8, false, &findings);
  EXPECT_EQ(findings.cut, 1);
  EXPECT_LE(relative_error(columns(basis.u), given.u.narrow(1, 0, 1)), 1e-12);
  EXPECT_LE(relative_error(columns(basis.v), given.vt.narrow(0, 0, 1).t()), 1e-12);
  EXPECT_EQ(basis.s.numel(), 1);
}

TEST_P(BasisStackTest, AStackOfNothingButNoiseIsEmpty) {
  BasisStack stack(GetParam(), NullSpace::kZero);
  stack.append(triplets({2.0}, 1), /*threshold=*/3.0, not_asked_for);
  EXPECT_TRUE(stack.is_empty());
}

TEST_P(BasisStackTest, TripletsInDoubtAreReplacedByThoseOfLapack) {
  for (const auto& [threshold, in_doubt] :
       {std::pair{0.94, false}, {0.96, true}, {1.04, true}, {1.06, false}}) {
    const int64_t repeats = in_doubt && GetParam() == Route::kGram ? 1 : 0;
    const Svd better = triplets({9.0, 1.2}, 1);
    BasisStack stack(GetParam(), NullSpace::kZero);
    stack.append(triplets({9.0, 1.0}, 1), threshold, [&] { return better; });
    Findings findings;
    const auto basis = BasisStack(stack).orthonormalise(8, false, &findings);
    EXPECT_EQ(findings.repeats, repeats) << threshold;
    if (repeats > 0) {
      EXPECT_TRUE(basis.s.equal(better.s)) << threshold;
    }
  }
}

// Overlapping blocks of which the first is orthonormal: with and without that knowledge, and by
// LAPACK, the same polar factors.
TEST_P(BasisStackTest, KnowingTheFirstBlockOrthonormalChangesNothing) {
  BasisStack stack(GetParam(), NullSpace::kZero);
  stack.append(triplets({5, 4, 3, 2, 1}, 1));
  stack.append(triplets({2}, 3));
  stack.append(triplets({1}, 5));
  Findings findings;
  const auto plain = BasisStack(stack).orthonormalise(8, false, &findings);
  const auto known = BasisStack(stack).orthonormalise(8, true, &findings);
  EXPECT_LE(relative_error(columns(known.u), columns(plain.u)), 1e-12);
  EXPECT_LE(relative_error(columns(known.v), columns(plain.v)), 1e-12);
  const at::Tensor u = columns(known.u);
  EXPECT_LE(relative_error(at::matmul(u.t(), u), at::eye(7, at::kDouble)), 1e-12);
}

// Two directions that differ by 4 eps: one too few of them at r = 16, where the threshold is 4 eps,
// both at r = 1. The other side is orthonormal.
TEST_P(BasisStackTest, TheRankOfTheMatrixSetsTheThresholdOnEachSide) {
  if (GetParam() == Route::kGram) GTEST_SKIP() << "fp64 Gram matrices do not see 2 eps";
  const double eps = 0x1p-23;
  const at::Tensor q = random_orthonormal(8, 2, 3), p = random_orthonormal(9, 2, 5);
  const auto turned = [&](const at::Tensor& basis) {  // the first direction, turned a little
    return basis.select(1, 0).add(basis.select(1, 1), 4.0 * eps).unsqueeze(1);
  };
  const at::Tensor one = at::tensor({1.0}, at::kDouble);
  const auto first = [](const at::Tensor& basis) { return basis.narrow(1, 0, 1); };
  const auto second = [](const at::Tensor& basis) { return basis.narrow(1, 1, 1); };
  for (const bool left : {true, false}) {
    BasisStack stack(GetParam(), NullSpace::kZero);
    stack.append({first(q), one, first(p).t()});
    stack.append({left ? turned(q) : second(q), one, (left ? second(p) : turned(p)).t()});
    Findings many, few;
    BasisStack(stack).orthonormalise(16, false, &many);
    BasisStack(stack).orthonormalise(1, false, &few);
    EXPECT_EQ(many.cut, 1) << left;
    EXPECT_EQ(few.cut, 0) << left;
  }
}

INSTANTIATE_TEST_SUITE_P(Routes, BasisStackTest, ::testing::Values(Route::kGram, Route::kLapack));

TEST(BasisStack, FillKeepsEveryTriplet) {
  BasisStack stack(Route::kLapack, NullSpace::kFill);
  stack.append(triplets({2.0, 1e-3}, 1), /*threshold=*/1e-2, not_asked_for);
  Findings findings;
  const at::Tensor u = columns(BasisStack(stack).orthonormalise(8, false, &findings).u);
  EXPECT_LE(relative_error(at::matmul(u.t(), u), at::eye(2, at::kDouble)), 1e-12);
  EXPECT_EQ(findings.cut, 0);
}

}  // namespace
}  // namespace isomerge
