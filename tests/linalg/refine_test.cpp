#include "linalg/refine.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "linalg/eigen.h"
#include "support/random_tensors.h"

namespace isomerge {
namespace {

constexpr int64_t kOrder = 200;

at::Tensor spectrum(double decay) {
  return at::linspace(0, kOrder - 1, kOrder, at::kDouble).div(0.2 * kOrder).add(1.0).pow(-decay);
}

// vectors diag(values) vectors^T
at::Tensor with(const at::Tensor& vectors, const at::Tensor& values) {
  const at::Tensor g = at::matmul(vectors * values, vectors.t());
  return (g + g.t()) * 0.5;
}

// The sine of the largest angle between the spans of orthonormal columns.
double angle(const at::Tensor& a, const at::Tensor& b) {
  return at::matmul(b, at::matmul(b.t(), a)).sub_(a).norm().item<double>();
}

at::Tensor leading(const at::Tensor& g, int64_t k) { return leading_eigenpairs(g, k).vectors; }

TEST(RefinedEigenpairs, FromANeighboursVectorsAreThoseOfLapack) {
  const at::Tensor g = with(random_orthonormal(kOrder, kOrder, 1), spectrum(3.4));
  const at::Tensor more = random_tensor({kOrder, 8}, 2).mul(0.05);
  const at::Tensor neighbour = at::matmul(more, more.t()).add_(g);
  for (const int64_t k : {1, 9, 30}) {
    const auto got = refined_eigenpairs(g, leading(neighbour, pairs_to_keep(k)), k);
    ASSERT_TRUE(got.has_value()) << k;
    EXPECT_EQ(got->vectors.size(1), pairs_to_keep(k));
    const SymmetricEigen want = leading_eigenpairs(g, k), first = got->leading(k);
    EXPECT_LE(angle(first.vectors, want.vectors), 1e-6) << k;
    EXPECT_LE(relative_error(first.values, want.values), 1e-12) << k;
    EXPECT_NEAR(first.next, want.next, 1e-6 * want.next) << k;
    EXPECT_LE(relative_error(at::matmul(got->vectors.t(), got->vectors),
                             at::eye(pairs_to_keep(k), at::kDouble)),
              1e-13)
        << k;
  }
}

// Only the right polynomial is steep enough for that in a few rounds.
TEST(RefinedEigenpairs, AreFoundWhereTheValuesFallSlowly) {
  const at::Tensor g = with(random_orthonormal(kOrder, kOrder, 8), spectrum(0.7));
  const at::Tensor start = leading(g, pairs_to_keep(9)) + random_tensor({kOrder, 21}, 9) * 0.01;
  const auto got = refined_eigenpairs(g, start, 9);
  ASSERT_TRUE(got.has_value());
  EXPECT_LE(angle(got->leading(9).vectors, leading(g, 9)), 1e-6);
}

// As nothing within the start's span shows it: only what is random does.
TEST(RefinedEigenpairs, FindALeadingVectorThatTheStartLacks) {
  const at::Tensor q = random_orthonormal(kOrder, kOrder, 3);
  const at::Tensor g = with(q, spectrum(3.4));
  const auto got = refined_eigenpairs(g, q.narrow(1, 1, pairs_to_keep(6)), 6);
  ASSERT_TRUE(got.has_value());
  EXPECT_LE(angle(got->leading(6).vectors, q.narrow(1, 0, 6)), 1e-6);
}

TEST(RefinedEigenpairs, DoNotDependOnTheScaleOfTheMatrixOrTheStart) {
  const at::Tensor g = with(random_orthonormal(kOrder, kOrder, 4), spectrum(3.4));
  const at::Tensor start = leading(g, pairs_to_keep(5)) + random_tensor({kOrder, 17}, 5) * 0.01;
  const auto got = refined_eigenpairs(g, start, 5);
  ASSERT_TRUE(got.has_value());
  for (const double scale : {std::ldexp(1.0, -70), std::ldexp(1.0, 70)}) {
    const auto scaled = refined_eigenpairs(g * scale, start * std::ldexp(1.0, 20), 5);
    ASSERT_TRUE(scaled.has_value()) << scale;
    EXPECT_LE(angle(scaled->leading(5).vectors, got->leading(5).vectors), 1e-6) << scale;
    EXPECT_LE(relative_error(scaled->values, got->values * scale), 1e-9) << scale;
  }
}

TEST(RefinedEigenpairs, AreNothingWhereTheValuesHardlyFallOrTheStartIsTooSmall) {
  const at::Tensor q = random_orthonormal(kOrder, kOrder, 6);
  const at::Tensor flat = with(q, at::linspace(1.0, 0.999, kOrder, at::kDouble));
  EXPECT_FALSE(refined_eigenpairs(flat, random_tensor({kOrder, 20}, 7), 8).has_value());
  const at::Tensor g = with(q, spectrum(3.4));
  EXPECT_FALSE(refined_eigenpairs(g, q.narrow(1, 0, pairs_to_keep(8) - 1), 8).has_value());
  EXPECT_FALSE(refined_eigenpairs(g, q.narrow(1, 0, 20), 0).has_value());
  EXPECT_FALSE(refined_eigenpairs(g, q.narrow(1, 0, kOrder - 3), 8).has_value());
  const at::Tensor zero = at::zeros({kOrder, kOrder}, at::kDouble);
  EXPECT_FALSE(refined_eigenpairs(zero, q.narrow(1, 0, 20), 8).has_value());
}

}  // namespace
}  // namespace isomerge
