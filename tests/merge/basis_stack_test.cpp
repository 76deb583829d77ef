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

TEST(BasisStack, LeavesTheTripletsItIsGivenAsTheyAre) {
  const Svd given = triplets({2.0, 1e-3}, 1);
  const at::Tensor u = given.u.clone(), vt = given.vt.clone();
  BasisStack stack(NullSpace::kZero);
  stack.append(given, /*threshold=*/1e-2);
  EXPECT_TRUE(given.u.equal(u));
  EXPECT_TRUE(given.vt.equal(vt));
}

TEST(BasisStack, TripletsThatCountAsZeroVanishFromBothSidesButKeepTheirValue) {
  BasisStack stack(NullSpace::kZero);
  stack.append(triplets({2.0, 1e-3}, 1), /*threshold=*/1e-2);
  const auto basis = stack.orthonormalise(8);
  EXPECT_EQ(basis.cut, 1);
  EXPECT_NEAR(basis.u.select(1, 0).norm().item<double>(), 1.0, 1e-12);
  EXPECT_NEAR(basis.u.select(1, 1).norm().item<double>(), 0.0, 1e-12);
  EXPECT_NEAR(basis.vt.select(0, 1).norm().item<double>(), 0.0, 1e-12);
  EXPECT_EQ(basis.s[1].item<double>(), 1e-3);
}

TEST(BasisStack, FillKeepsThem) {
  BasisStack stack(NullSpace::kFill);
  stack.append(triplets({2.0, 1e-3}, 1), /*threshold=*/1e-2);
  const auto basis = stack.orthonormalise(8);
  EXPECT_LE(relative_error(at::matmul(basis.u.t(), basis.u), at::eye(2, at::kDouble)), 1e-12);
  EXPECT_LE(relative_error(at::matmul(basis.vt, basis.vt.t()), at::eye(2, at::kDouble)), 1e-12);
}

TEST(BasisStack, AValueNearItsThresholdMakesTheResultDoubtful) {
  BasisStack sure(NullSpace::kZero), doubtful(NullSpace::kZero);
  sure.append(triplets({2.0, 1.0}, 1), /*threshold=*/0.1);
  EXPECT_FALSE(sure.orthonormalise(8).is_doubtful);
  doubtful.append(triplets({2.0, 1.0}, 1), /*threshold=*/0.2);
  EXPECT_TRUE(doubtful.orthonormalise(8).is_doubtful);
}

// Two directions that differ by 2 eps: one too few of them at r = 16, where the threshold is 4 eps,
// both at r = 1. The other side is orthonormal.
TEST(BasisStack, TheRankOfTheMatrixSetsTheThresholdOnEachSide) {
  const double eps = 0x1p-23;
  const at::Tensor q = random_orthonormal(8, 2, 3), p = random_orthonormal(9, 2, 5);
  const auto turned = [&](const at::Tensor& basis) {  // the first direction, turned a little
    return basis.select(1, 0).add(basis.select(1, 1), 4.0 * eps).unsqueeze(1);
  };
  const at::Tensor one = at::tensor({1.0}, at::kDouble);
  const auto first = [](const at::Tensor& basis) { return basis.narrow(1, 0, 1); };
  const auto second = [](const at::Tensor& basis) { return basis.narrow(1, 1, 1); };
  for (const bool left : {true, false}) {
    BasisStack stack(NullSpace::kZero);
    stack.append({first(q), one, first(p).t()}, 0.0);
    stack.append({left ? turned(q) : second(q), one, (left ? second(p) : turned(p)).t()}, 0.0);
    EXPECT_EQ(stack.orthonormalise(16).cut, 1) << left;
    EXPECT_EQ(stack.orthonormalise(1).cut, 0) << left;
  }
}

}  // namespace
}  // namespace isomerge
