#include "merge/tsv_m.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "support/random_tensors.h"

namespace isomerge {
namespace {

constexpr double kTight = 1e-12;  // float64, small matrices

TEST(TsvMRank, IsTheShareOfEveryTaskRoundedDown) {
  EXPECT_EQ(tsv_m_rank(768, 8), 96);
  EXPECT_EQ(tsv_m_rank(768, 20), 38);
  EXPECT_EQ(tsv_m_rank(50, 14), 3);
  EXPECT_EQ(tsv_m_rank(12, 14), 0);
}

TEST(TsvM, OfOneTaskIsItsUpdate) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{8, 5}, {5, 8}, {6, 6}}) {
    const auto updates = random_updates(m, n, 1, 1);
    EXPECT_LE(relative_error(merge_tsv_m(updates).update, updates[0].dense()), kTight);
  }
}

// Tasks whose singular spaces are orthogonal to each other do not interfere: the polar factors
// change nothing and the result is the sum of the truncated updates.
TEST(TsvM, OfTasksInOrthogonalSubspacesIsTheirSum) {
  const at::Tensor u = random_orthonormal(8, 6, 2), v = random_orthonormal(6, 6, 3);
  std::vector<Update> updates;
  at::Tensor want = at::zeros({8, 6}, at::kDouble);
  for (int64_t t = 0; t < 3; ++t) {
    const at::Tensor values = at::tensor({3.0 + static_cast<double>(t), 2.0}, at::kDouble);
    const at::Tensor d = at::matmul(u.narrow(1, 2 * t, 2).mul(values), v.narrow(1, 2 * t, 2).t());
    updates.emplace_back(d);
    want.add_(d);
  }
  EXPECT_LE(relative_error(merge_tsv_m(updates).update, want), kTight);
}

TEST(TsvM, KeepsOnlyTheLeadingTripletsOfEveryTask) {
  // Two tasks, r = 4, s = 2; the second task is zero: what remains is the first one's rank-2 part.
  const at::Tensor d = random_tensor({6, 4}, 4);
  const Svd svd = thin_svd(d).leading(2);
  const Merged merged = merge_tsv_m({Update(d), Update(at::zeros({6, 4}, at::kDouble))});
  EXPECT_LE(relative_error(merged.update, at::matmul(svd.u.mul(svd.s), svd.vt)), kTight);
  EXPECT_EQ(merged.findings.cut, 2) << "the zero task's two directions";
}

// The definition, computed with plain SVDs and explicit diagonal matrices.
TEST(TsvM, EqualsItsDefinition) {
  const auto updates = random_updates(7, 9, 3, 5);
  std::vector<at::Tensor> u, s, vt;
  for (const Update& update : updates) {
    const Svd svd = thin_svd(update.dense()).leading(2);
    u.push_back(svd.u);
    s.push_back(svd.s);
    vt.push_back(svd.vt);
  }
  const Svd left = thin_svd(at::cat(u, 1)), right = thin_svd(at::cat(vt, 0));
  const at::Tensor want = at::matmul(at::matmul(at::matmul(left.u, left.vt), at::cat(s, 0).diag()),
                                     at::matmul(right.u, right.vt));
  const Merged merged = merge_tsv_m(updates);
  EXPECT_LE(relative_error(merged.update, want), kTight);
  EXPECT_EQ(merged.findings.cut, 0);
}

TEST(TsvM, OfMoreTasksThanDirectionsIsZero) {
  const Merged merged = merge_tsv_m(random_updates(2, 5, 3, 6));
  EXPECT_EQ(merged.update.sizes(), at::IntArrayRef({2, 5}));
  EXPECT_EQ(merged.update.count_nonzero().item<int64_t>(), 0);
}

TEST(TsvM, AnEmptyMatrixStaysEmpty) {
  EXPECT_EQ(merge_tsv_m({Update(at::zeros({0, 3}))}).update.sizes(), at::IntArrayRef({0, 3}));
}

TEST(TsvM, RotatingTheInputRotatesTheResult) {
  const auto updates = random_updates(6, 4, 2, 7);
  const at::Tensor left = random_orthonormal(6, 6, 8), right = random_orthonormal(4, 4, 9);
  std::vector<Update> rotated;
  for (const Update& update : updates) {
    rotated.emplace_back(at::matmul(at::matmul(left, update.dense()), right));
  }
  EXPECT_LE(relative_error(merge_tsv_m(rotated).update,
                           at::matmul(at::matmul(left, merge_tsv_m(updates).update), right)),
            1e-11);
}

TEST(TsvM, TheOrderOfTasksDoesNotMatter) {
  auto updates = random_updates(6, 7, 3, 10);
  const at::Tensor before = merge_tsv_m(updates).update;
  std::swap(updates[0], updates[1]);
  EXPECT_LE(relative_error(merge_tsv_m(updates).update, before), kTight);
}

// Equal experts have one set of directions between them: the second copy's stack is dependent, and
// each polar factor halves it. The values add up with weights 1/sqrt(2) on both sides.
TEST(TsvM, OfTwoEqualTasksIsTheirCommonLeadingPart) {
  const at::Tensor d = random_tensor({6, 4}, 11);
  const Svd svd = thin_svd(d).leading(2);
  const Merged merged = merge_tsv_m({Update(d), Update(d.clone())});
  EXPECT_LE(relative_error(merged.update, at::matmul(svd.u.mul(svd.s), svd.vt)), kTight);
  EXPECT_EQ(merged.findings.cut, 2);
}

TEST(TsvM, FillKeepsTheDirectionsThatCountAsZero) {
  const at::Tensor low = at::matmul(random_tensor({6, 1}, 12), random_tensor({1, 4}, 13));
  const auto other = random_tensor({6, 4}, 14);
  const Merged zero = merge_tsv_m({Update(low), Update(other)}, NullSpace::kZero);
  const Merged fill = merge_tsv_m({Update(low), Update(other)}, NullSpace::kFill);
  EXPECT_EQ(zero.findings.cut, 1);
  // An arbitrary direction competes with the other task's when the stack is orthogonalised.
  EXPECT_GT(relative_error(fill.update, zero.update), 1e-6);
}

}  // namespace
}  // namespace isomerge
