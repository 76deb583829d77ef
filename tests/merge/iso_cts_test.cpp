#include "merge/iso_cts.h"

#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "merge/iso_c.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/spectrum.h"

namespace isomerge {
namespace {

constexpr double kTight = 1e-11;  // float64, small matrices, three SVDs in a row

// What the released code of arXiv:2502.04959 gives for fraction 0.8.
TEST(IsoCtsBudget, IsThatOfTheAuthorsCode) {
  struct Row {
    int64_t r, tasks, common, per_task;
  };
  for (const Row& row :
       {Row{50, 8, 42, 1}, {50, 14, 36, 1},    {50, 20, 50, 0},     {77, 8, 61, 2},
        {77, 14, 63, 1},   {77, 20, 57, 1},    {128, 8, 104, 3},    {128, 14, 100, 2},
        {128, 20, 108, 1}, {197, 8, 157, 5},   {197, 14, 155, 3},   {197, 20, 157, 2},
        {257, 8, 209, 6},  {257, 14, 201, 4},  {257, 20, 197, 3},   {512, 8, 408, 13},
        {512, 14, 414, 7}, {512, 20, 412, 5},  {768, 8, 616, 19},   {768, 14, 614, 11},
        {768, 20, 608, 8}, {1024, 8, 816, 26}, {1024, 14, 814, 15}, {1024, 20, 824, 10}}) {
    const IsoCtsBudget budget = iso_cts_budget(row.r, row.tasks, 0.8);
    EXPECT_EQ(budget.common, row.common) << row.r << ", T = " << row.tasks;
    EXPECT_EQ(budget.per_task, row.per_task) << row.r << ", T = " << row.tasks;
  }
}

TEST(IsoCtsBudget, EveryFractionAndNumberOfTasksFitsTheRank) {
  for (const double fraction : {0.0, 0.1, 0.5, 0.9, 1.0}) {
    for (int64_t tasks = 1; tasks <= 21; ++tasks) {
      const IsoCtsBudget budget = iso_cts_budget(10, tasks, fraction);
      EXPECT_EQ(budget.common + tasks * budget.per_task, 10);
      EXPECT_GE(budget.common, 0);
    }
  }
  EXPECT_THROW(iso_cts_budget(10, 2, 1.1), Error);
  EXPECT_THROW(iso_cts_budget(10, 2, -0.1), Error);
  EXPECT_THROW(iso_cts_budget(10, 2, std::numeric_limits<double>::quiet_NaN()), Error);
}

TEST(IsoCts, WithAllDirectionsCommonIsIsoC) {
  const auto updates = random_updates(8, 6, 3, 1);
  const Merged merged = merge_iso_cts(updates, {.common_fraction = 1.0});
  EXPECT_LE(relative_error(merged.update, merge_iso_c(updates).update), kTight);
}

TEST(IsoCts, WithoutRoomForTheTasksIsIsoC) {
  const auto updates = random_updates(5, 6, 20, 2);  // (5 - 4) / 20 rounds to 0
  EXPECT_LE(
      relative_error(merge_iso_cts(updates, {.isotropic = false}).update, sum_of_updates(updates)),
      kTight);
  EXPECT_LE(relative_error(merge_iso_cts(updates).update, merge_iso_c(updates).update), kTight);
}

// Alg. 2, computed with plain SVDs, explicit projections and common block first.
TEST(IsoCts, EqualsItsDefinition) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{10, 12}, {12, 10}, {10, 10}}) {
    const auto updates = random_updates(m, n, 2, 3);
    const int64_t k = 6, s = 2;  // r = 10, f = 0.6, T = 2
    const Svd sum = thin_svd(sum_of_updates(updates)).leading(k);
    std::vector<at::Tensor> u{sum.u}, vt{sum.vt}, s_all{sum.s};
    double total = sum.s.sum().item<double>();
    for (const Update& update : updates) {
      const at::Tensor residual =
          update.dense().sub(at::matmul(at::matmul(sum.u, sum.u.t()), update.dense()));
      const Svd task = thin_svd(residual).leading(s);
      u.push_back(task.u);
      vt.push_back(task.vt);
      total += task.s.sum().item<double>();
      s_all.push_back(task.s);
    }
    const Svd left = thin_svd(at::cat(u, 1)), right = thin_svd(at::cat(vt, 0));
    const at::Tensor want =
        at::matmul(at::matmul(left.u, left.vt), at::matmul(right.u, right.vt)).mul(total / 10.0);
    const Merged merged = merge_iso_cts(updates, {.common_fraction = 0.6});
    EXPECT_LE(relative_error(merged.update, want), kTight);
    EXPECT_EQ(merged.findings.cut, 0);
    // Figure 8: the values as they are, between the same bases.
    const at::Tensor uneven =
        at::matmul(at::matmul(left.u, left.vt) * at::cat(s_all, 0), at::matmul(right.u, right.vt));
    EXPECT_LE(
        relative_error(merge_iso_cts(updates, {.common_fraction = 0.6, .isotropic = false}).update,
                       uneven),
        kTight);
  }
}

TEST(IsoCts, WithoutTheIsotropicStepKeepsTheSingularValues) {
  const auto updates = random_updates(9, 12, 2, 16);
  const IsoCtsOptions uneven{.common_fraction = 0.5, .isotropic = false};
  const at::Tensor got = at::linalg_svdvals(merge_iso_cts(updates, uneven).update);
  const at::Tensor flat =
      at::linalg_svdvals(merge_iso_cts(updates, {.common_fraction = 0.5}).update);
  EXPECT_NEAR(got.sum().item<double>(), flat.sum().item<double>(), 1e-9);
  const at::Tensor sum = at::linalg_svdvals(sum_of_updates(updates));
  EXPECT_NEAR(got[0].item<double>(), sum[0].item<double>(), 1e-9);
}

TEST(IsoCts, WithoutTheIsotropicStepAndWithAllDirectionsCommonIsTheSum) {
  const auto updates = random_updates(8, 6, 3, 17);
  EXPECT_LE(
      relative_error(merge_iso_cts(updates, {.common_fraction = 1.0, .isotropic = false}).update,
                     sum_of_updates(updates)),
      kTight);
}

TEST(IsoCts, WithoutTheIsotropicStepFp32AgreesWithLapack) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{20, 30}, {30, 20}}) {
    std::vector<Update> updates;
    for (const Update& update : random_updates(m, n, 3, 18))
      updates.emplace_back(update.dense().to(at::kFloat));
    const Factors factors(updates);
    for (const double fraction : {0.0, 0.5, 0.8, 1.0}) {
      const IsoCtsOptions options{.common_fraction = fraction, .isotropic = false};
      EXPECT_LE(relative_error(merge_iso_cts(factors, options).update,
                               merge_iso_cts(factors.by_lapack(), options).update),
                1e-6)
          << m << ", " << fraction;
    }
  }
}

TEST(IsoCts, HasAFlatSpectrum) {
  const at::Tensor got = at::linalg_svdvals(
      merge_iso_cts(random_updates(9, 10, 2, 4), {.common_fraction = 0.5}).update);
  EXPECT_LE(relative_error(got, got.mean().expand_as(got)), kTight);
}

TEST(IsoCts, ScalesWithItsInputAndIgnoresTheOrderOfTasks) {
  auto updates = random_updates(10, 8, 3, 5);
  const IsoCtsOptions options{.common_fraction = 0.5};
  const at::Tensor before = merge_iso_cts(updates, options).update;
  std::vector<Update> scaled;
  for (const Update& update : updates) scaled.emplace_back(update.dense().mul(3.0));
  EXPECT_LE(relative_error(merge_iso_cts(scaled, options).update, before.mul(3.0)), kTight);
  const IsoCtsOptions uneven{.common_fraction = 0.5, .isotropic = false};
  EXPECT_LE(relative_error(merge_iso_cts(scaled, uneven).update,
                           merge_iso_cts(updates, uneven).update.mul(3.0)),
            kTight);
  std::swap(updates[0], updates[2]);
  EXPECT_LE(relative_error(merge_iso_cts(updates, options).update, before), kTight);
}

TEST(IsoCts, RotatingTheInputRotatesTheResult) {
  const auto updates = random_updates(8, 9, 2, 6);
  const at::Tensor left = random_orthonormal(8, 8, 7), right = random_orthonormal(9, 9, 8);
  std::vector<Update> rotated;
  for (const Update& update : updates) {
    rotated.emplace_back(at::matmul(at::matmul(left, update.dense()), right));
  }
  EXPECT_LE(relative_error(merge_iso_cts(rotated).update,
                           at::matmul(at::matmul(left, merge_iso_cts(updates).update), right)),
            kTight);
}

TEST(IsoCts, ATaskInsideTheCommonSpaceAddsNothingOfItsOwn) {
  // Both updates live in one direction, which is common: residuals are rounding noise and count as
  // zero beside sigma_1 of the sum.
  const at::Tensor low = at::matmul(random_tensor({8, 1}, 9), random_tensor({1, 8}, 10));
  const std::vector<Update> updates{Update(low), Update(low.mul(1e-3))};
  const Merged merged = merge_iso_cts(updates, {.common_fraction = 0.5});
  const at::Tensor got = at::linalg_svdvals(merged.update);
  EXPECT_NEAR(got[0].item<double>(), low.norm().item<double>() * 1.001 / 8.0, 1e-9);
  EXPECT_NEAR(got[1].item<double>(), 0.0, 1e-9);
  EXPECT_EQ(merged.findings.cut, 7);
}

Update diagonal(const std::vector<double>& values) {
  return Update(at::tensor(values, at::kDouble).diag());
}

// The threshold of a residual is relative to the larger of sigma_1(D_t) and sigma_1 of the sum.
// Here the large directions cancel in the sum, so sigma_1(D_t) = 1 decides that 2e-8 is nothing.
TEST(IsoCts, NoiseOfALargeTaskIsNotKeptWhenTheSumIsSmall) {
  // r = 6, f = 0.34: k = 2, s = 2. Common: the second direction and a zero one.
  const Merged merged =
      merge_iso_cts({diagonal({1, 2e-8, 2e-8, 0, 0, 0}), diagonal({-1, 2e-8, -2e-8, 0, 0, 0})},
                    {.common_fraction = 0.34});
  // Zero columns: one of each task, one common; and the tasks share their large direction.
  EXPECT_EQ(merged.findings.cut, 4);
}

TEST(IsoCts, NoiseBesideALargeSumIsNotKeptWhenTheTaskIsSmaller) {
  // r = 16, f = 0.125: k = 2, s = 7. sigma_1 of the sum is 2, of each task 1, though its norm is
  // sqrt(6). 7e-7 lies between the two thresholds, 4.8e-7 and 9.5e-7.
  const std::vector<double> rest(9, 0.0);
  std::vector<double> a{1, 1, 1, 1, 1, 1, 7e-7}, b{1, -1, -1, -1, -1, -1, -7e-7};
  a.insert(a.end(), rest.begin(), rest.end());
  b.insert(b.end(), rest.begin(), rest.end());
  const Merged merged = merge_iso_cts({diagonal(a), diagonal(b)}, {.common_fraction = 0.125});
  // Zero columns: two of each task, one common; and the tasks share five directions.
  EXPECT_EQ(merged.findings.cut, 10);
}

TEST(IsoCts, FillChangesNothingWhereNothingCountsAsZero) {
  const auto updates = random_updates(8, 9, 2, 15);
  EXPECT_LE(
      relative_error(
          merge_iso_cts(updates, {.common_fraction = 0.5, .null_space = NullSpace::kFill}).update,
          merge_iso_cts(updates, {.common_fraction = 0.5}).update),
      kTight);
}

TEST(IsoCts, FillGivesEveryDirectionTheSameValue) {
  const at::Tensor low = at::matmul(random_tensor({6, 3}, 13), random_tensor({3, 6}, 14));
  const auto updates = std::vector<Update>{Update(low), Update(low.mul(2.0))};
  EXPECT_GT(merge_iso_cts(updates, {.common_fraction = 0.5}).findings.cut, 0);
  const at::Tensor got = at::linalg_svdvals(
      merge_iso_cts(updates, {.common_fraction = 0.5, .null_space = NullSpace::kFill}).update);
  EXPECT_GT(got[-1].item<double>(), 0.0);
}

// Wide and tall: LAPACK then gives the common space, and the residuals go on through Gram matrices.
// A direction that small and not in doubt (1.04, after rounding to fp32) is known to 1e-4 only.
TEST(IsoCts, ACommonSpaceWhoseRankIsInDoubtIsRepeatedByLapack) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{20, 30}, {30, 20}}) {
    int64_t repeats = 0;
    for (const double factor : {0.96, 1.0, 1.04}) {
      const at::Tensor sum = with_spectrum(m, n, {3, 2, 1, 3 * factor * null_threshold(20, 1.0)});
      const at::Tensor own = random_tensor({m, n}, 7);
      const Factors factors{Update(sum.add(own).to(at::kFloat)), Update(own.neg().to(at::kFloat))};
      const Merged merged = merge_iso_cts(factors, {.common_fraction = 0.5});
      const Merged lapack = merge_iso_cts(factors.by_lapack(), {.common_fraction = 0.5});
      EXPECT_EQ(merged.findings.cut, lapack.findings.cut) << factor;
      // A direction just outside the doubt is known to eps (sigma_1 / sigma)^2 = 8e-4 at r = 20.
      EXPECT_LE(relative_error(merged.update, lapack.update), 8e-4) << m << ", " << factor;
      EXPECT_EQ(lapack.findings.repeats, 0);
      repeats += merged.findings.repeats;
    }
    EXPECT_GE(repeats, 1) << m;
  }
}

}  // namespace
}  // namespace isomerge
