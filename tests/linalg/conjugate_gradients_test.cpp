#include "linalg/conjugate_gradients.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "support/random_tensors.h"

namespace isomerge {
namespace {

at::Tensor positive_matrix(int64_t n, uint64_t seed) {
  const at::Tensor a = random_tensor({n, n}, seed);
  return at::matmul(a, a.t()) + at::eye(n, at::kDouble);
}

Solution solve(const at::Tensor& a, const at::Tensor& b, const at::Tensor& x0,
               const ConjugateGradientsOptions& options = {}) {
  return conjugate_gradients([&](const at::Tensor& x) { return at::matmul(a, x); }, b, x0, options);
}

TEST(ConjugateGradients, ConvergeToTheSolution) {
  const at::Tensor a = positive_matrix(12, 1), b = random_tensor({12, 3}, 2);
  for (const Stopping stopping : {Stopping::kLegacy, Stopping::kCurrent}) {
    const Solution got = solve(a, b, at::zeros_like(b), {200, stopping, 1e-12});
    EXPECT_TRUE(got.converged);
    EXPECT_LE(relative_error(got.x, at::linalg_solve(a, b)), 1e-9);
    EXPECT_NEAR(got.first_residual, b.norm().item<double>(), 1e-12);
    EXPECT_NEAR(got.last_residual, (b - at::matmul(a, got.x)).norm().item<double>(), 1e-12);
  }
}

// n steps solve n unknowns exactly, and each step lowers the error in the norm of A.
TEST(ConjugateGradients, TakeAtMostTheStepsAllowed) {
  const at::Tensor a = positive_matrix(8, 3), b = random_tensor({8}, 4),
                   exact = at::linalg_solve(a, b);
  double before = 1e300;
  for (int64_t steps = 0; steps <= 5; ++steps) {
    const Solution got = solve(a, b, at::zeros_like(b), {steps, Stopping::kCurrent, 1e-14});
    EXPECT_EQ(got.iterations, steps);
    const at::Tensor error = got.x - exact;
    const double size = error.mul(at::matmul(a, error)).sum().item<double>();
    EXPECT_LT(size, before);
    before = size;
  }
}

// The absolute test of old scipy: a small system returns its start, however wrong it is.
TEST(ConjugateGradients, LegacyReturnsTheStartWhenTheResidualIsSmallInItself) {
  const at::Tensor a = positive_matrix(6, 5) * 1e-9, b = random_tensor({6}, 6) * 1e-7;
  const at::Tensor start = at::ones({6}, at::kDouble);
  const Solution legacy = solve(a, b, start),
                 current = solve(a, b, start, {100, Stopping::kCurrent});
  EXPECT_EQ(legacy.iterations, 0);
  EXPECT_TRUE(legacy.converged);
  EXPECT_EQ(relative_error(legacy.x, start), 0.0);
  EXPECT_GT(current.iterations, 0);
  EXPECT_LE(relative_error(current.x, at::linalg_solve(a, b)), 1e-3);
}

TEST(ConjugateGradients, OfNothingLegacyGoesTowardsZeroAndCurrentGivesIt) {
  const at::Tensor a = positive_matrix(6, 7), b = at::zeros({6}, at::kDouble);
  const at::Tensor start = at::ones({6}, at::kDouble);
  const Solution current = solve(a, b, start, {100, Stopping::kCurrent});
  EXPECT_EQ(current.x.count_nonzero().item<int64_t>(), 0);
  EXPECT_EQ(current.iterations, 0);
  const Solution legacy = solve(a, b, start);
  EXPECT_GT(legacy.iterations, 0);
  EXPECT_LE(legacy.last_residual, 1e-5);
}

TEST(ConjugateGradients, AnIdentityIsSolvedInOneStep) {
  const at::Tensor b = random_tensor({4, 5}, 8);
  const Solution got =
      conjugate_gradients([](const at::Tensor& x) { return x.clone(); }, b, at::zeros_like(b), {});
  EXPECT_EQ(got.iterations, 1);
  EXPECT_LE(relative_error(got.x, b), 1e-14);
}

TEST(ConjugateGradients, LeaveAloneWhatASingularSystemDoesNotSay) {
  at::Tensor a = at::zeros({4, 4}, at::kDouble);
  a[0][0] = 2.0;
  a[1][1] = 3.0;
  at::Tensor b = at::zeros({4}, at::kDouble);
  b[0] = 4.0;
  const Solution got = solve(a, b, at::ones({4}, at::kDouble), {100, Stopping::kCurrent, 1e-12});
  EXPECT_NEAR(got.x[0].item<double>(), 2.0, 1e-10);
  EXPECT_NEAR(got.x[1].item<double>(), 0.0, 1e-10);
  EXPECT_EQ(got.x[2].item<double>(), 1.0);
}

}  // namespace
}  // namespace isomerge
