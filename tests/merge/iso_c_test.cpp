#include "merge/iso_c.h"

#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/random_tensors.h"

namespace isomerge {
namespace {

// Tolerances: float64, small matrices, one SVD; 1e-12 leaves three digits of room.
constexpr double kTight = 1e-12;

// Alg. 1: all singular values of the result equal the mean of the input's.
TEST(IsoC, ResultHasTheMeanSingularValueOfTheSumEverywhere) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{12, 7}, {7, 12}, {6, 6}}) {
    const auto updates = random_updates(m, n, 3, 1);
    const at::Tensor want = at::linalg_svdvals(sum_of_updates(updates)).mean();
    const at::Tensor got = at::linalg_svdvals(merge_iso_c(updates).update);
    EXPECT_LE(relative_error(got, want.expand_as(got)), kTight);
  }
}

// U V^T makes U V^T (U S V^T)^T symmetric positive; so does no other orthogonal matrix.
TEST(IsoC, SingularVectorsAreThoseOfTheSum) {
  const auto updates = random_updates(5, 9, 2, 2);
  const at::Tensor product = at::matmul(merge_iso_c(updates).update, sum_of_updates(updates).t());
  EXPECT_LE(relative_error(product, product.t()), kTight);
  EXPECT_GT(product.trace().item<double>(), 0.0);
}

TEST(IsoC, AScaledOrthonormalMatrixIsAFixedPoint) {
  const at::Tensor q = random_orthonormal(9, 4, 3).mul(0.3);
  EXPECT_LE(relative_error(merge_iso_c({Update(q)}).update, q), kTight);
}

TEST(IsoC, ScalesWithItsInput) {
  const auto updates = random_updates(6, 4, 2, 4);
  std::vector<Update> scaled;
  for (const Update& update : updates) scaled.emplace_back(update.dense().mul(-2.5));
  EXPECT_LE(relative_error(merge_iso_c(scaled).update, merge_iso_c(updates).update.mul(-2.5)),
            kTight);
}

TEST(IsoC, TheOrderOfTasksDoesNotMatter) {
  auto updates = random_updates(6, 5, 3, 5);
  const at::Tensor before = merge_iso_c(updates).update;
  std::swap(updates[0], updates[2]);
  EXPECT_LE(relative_error(merge_iso_c(updates).update, before), kTight);
}

TEST(IsoC, RotatingTheInputRotatesTheResult) {
  const auto updates = random_updates(6, 4, 2, 6);
  const at::Tensor left = random_orthonormal(6, 6, 7), right = random_orthonormal(4, 4, 8);
  std::vector<Update> rotated;
  for (const Update& update : updates) {
    rotated.emplace_back(at::matmul(at::matmul(left, update.dense()), right));
  }
  EXPECT_LE(relative_error(merge_iso_c(rotated).update,
                           at::matmul(at::matmul(left, merge_iso_c(updates).update), right)),
            kTight);
}

TEST(IsoC, DirectionsWithoutUpdateStayZeroAndCountInTheMean) {
  // rank 2 of 4: singular values s1, s2, 0, 0
  const at::Tensor low = at::matmul(random_tensor({6, 2}, 9), random_tensor({2, 4}, 10));
  const Merged merged = merge_iso_c({Update(low)});
  EXPECT_EQ(merged.findings.cut, 2);
  const double mean = at::linalg_svdvals(low).sum().item<double>() / 4.0;
  const at::Tensor got = at::linalg_svdvals(merged.update);
  EXPECT_NEAR(got[0].item<double>(), mean, 1e-10);
  EXPECT_NEAR(got[1].item<double>(), mean, 1e-10);
  EXPECT_NEAR(got[2].item<double>(), 0.0, 1e-10);
}

TEST(IsoC, FillGivesEveryDirectionTheMean) {
  const at::Tensor low = at::matmul(random_tensor({6, 2}, 9), random_tensor({2, 4}, 10));
  const at::Tensor got =
      at::linalg_svdvals(merge_iso_c({Update(low)}, {.null_space = NullSpace::kFill}).update);
  EXPECT_LE(relative_error(got, got.mean().expand_as(got)), 1e-10);
}

TEST(IsoC, ASumOfZeroGivesZero) {
  const at::Tensor d = random_tensor({4, 3}, 11);
  const Merged merged = merge_iso_c({Update(d), Update(d.neg())});
  EXPECT_EQ(merged.update.count_nonzero().item<int64_t>(), 0);
  EXPECT_EQ(merged.findings.cut, 3);
}

TEST(IsoC, KeepsDtypeAndShape) {
  const Merged merged = merge_iso_c({Update(random_tensor({3, 5}, 12).to(at::kFloat))});
  EXPECT_EQ(merged.update.scalar_type(), at::kFloat);
  EXPECT_EQ(merged.update.sizes(), at::IntArrayRef({3, 5}));
}

TEST(IsoC, RefusesWhatIsNotAListOfMatrices) {
  EXPECT_THROW(merge_iso_c({}), Error);
  EXPECT_THROW(merge_iso_c({Update(at::zeros({3}))}), Error);
}

TEST(IsoC, AnEmptyMatrixStaysEmpty) {
  EXPECT_EQ(merge_iso_c({Update(at::zeros({0, 3}))}).update.numel(), 0);
}

}  // namespace
}  // namespace isomerge
