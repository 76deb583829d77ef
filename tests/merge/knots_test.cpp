#include "merge/knots.h"

#include <string>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/mm.h>
#include <gtest/gtest.h>

#include "support/random_tensors.h"

namespace isomerge {
namespace {

constexpr double kCut = 1e-5;

Update adapter(int64_t m, int64_t n, int64_t rank, uint64_t seed) {
  return Update(LowRank{random_tensor({m, rank}, seed), random_tensor({rank, n}, seed + 100)});
}

std::vector<Update> dense(const std::vector<Update>& updates) {
  std::vector<Update> out;
  for (const Update& update : updates) out.push_back(update.as_dense(at::kDouble));
  return out;
}

// By the definition: a full SVD of the columns side by side.
std::vector<at::Tensor> reference(const std::vector<Update>& updates) {
  std::vector<at::Tensor> side_by_side;
  for (const Update& update : updates) side_by_side.push_back(update.dense());
  const auto [u, s, vt] = at::linalg_svd(at::cat(side_by_side, 1), /*full_matrices=*/false);
  const int64_t kept = s.gt(kCut).sum().item<int64_t>(), n = updates.front().shape()[1];
  std::vector<at::Tensor> out;
  for (size_t t = 0; t < updates.size(); ++t) {
    out.push_back(
        (s.unsqueeze(1) * vt).narrow(0, 0, kept).narrow(1, static_cast<int64_t>(t) * n, n));
  }
  return out;
}

void expect_coordinates(const std::vector<Update>& updates, at::ScalarType dtype, double allowed) {
  const Coordinates found = knots_coordinates(updates, kCut, dtype);
  const auto wanted = reference(dense(updates));
  ASSERT_EQ(found.updates.size(), wanted.size());
  const int64_t p = found.basis.size(1);
  EXPECT_LT(relative_error(at::mm(found.basis.t(), found.basis), at::eye(p, at::kDouble)), allowed);
  for (size_t t = 0; t < wanted.size(); ++t) {
    ASSERT_EQ(found.updates[t].sizes(), wanted[t].sizes());
    EXPECT_EQ(found.updates[t].scalar_type(), dtype);
    // Directions have an arbitrary sign, the same for all tasks.
    EXPECT_LT(relative_error(found.updates[t].abs(), wanted[t].abs()), allowed);
    EXPECT_LT(relative_error(at::mm(found.basis, found.updates[t].to(at::kDouble)),
                             updates[t].as_dense(at::kDouble).dense()),
              allowed);
  }
}

TEST(Knots, CoordinatesAreScaledRightVectorsOfTheUpdatesSideBySide) {
  for (const auto& [m, n] : {std::pair(20, 30), {30, 20}, {90, 20}}) {
    const auto updates = random_updates(m, n, 3, 5);
    expect_coordinates(updates, at::kDouble, 1e-10);
    expect_coordinates(updates, at::kFloat, 1e-5);
  }
}

TEST(Knots, CoordinatesOfAdaptersAreThoseOfTheirDenseUpdates) {
  for (const auto& [m, n] : {std::pair(40, 50), {50, 40}}) {
    const std::vector<Update> updates = {adapter(m, n, 4, 1), adapter(m, n, 2, 2),
                                         adapter(m, n, 4, 3)};
    EXPECT_EQ(knots_coordinates(updates, kCut, at::kDouble).updates[0].size(0), 10);
    expect_coordinates(updates, at::kDouble, 1e-10);
    expect_coordinates(updates, at::kFloat, 1e-5);
  }
}

TEST(Knots, CoordinatesOfRepeatedAdaptersLeaveOutWhatIsZero) {
  const std::vector<Update> updates = {adapter(40, 50, 4, 1), adapter(40, 50, 4, 1),
                                       adapter(40, 50, 4, 3)};
  EXPECT_EQ(knots_coordinates(updates, kCut, at::kDouble).updates[0].size(0), 8);
  expect_coordinates(updates, at::kDouble, 1e-10);
  expect_coordinates(updates, at::kFloat, 1e-5);
}

TEST(Knots, CutLeavesOutValuesUpToIt) {
  const std::vector<Update> updates = {Update(at::eye(4, at::kDouble) * 2.0),
                                       Update(at::eye(4, at::kDouble) * 0.0)};
  EXPECT_EQ(knots_coordinates(updates, 1.99, at::kDouble).basis.size(1), 4);
  EXPECT_EQ(knots_coordinates(updates, 2.0, at::kDouble).basis.size(1), 0);
}

}  // namespace
}  // namespace isomerge
