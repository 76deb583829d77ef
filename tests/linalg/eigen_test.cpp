#include "linalg/eigen.h"

#include <cmath>
#include <optional>

#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "linalg/product.h"
#include "support/random_tensors.h"

namespace isomerge {
namespace {

// q diag(values) q^T
at::Tensor symmetric(const std::vector<double>& values) {
  const auto r = static_cast<int64_t>(values.size());
  const at::Tensor q = random_orthonormal(r, r, 1);
  return at::matmul(q.mul(at::tensor(values, at::kDouble)), q.t());
}

TEST(GramOfRows, IsTheProductWithTheTransposeAndExactlySymmetric) {
  for (const int64_t m : {1, 63, 65, 200, 513}) {
    const at::Tensor a = random_tensor({m, 37}, 2);
    const at::Tensor gram = gram_of_rows(a);
    EXPECT_LE(relative_error(gram, at::matmul(a, a.t())), 1e-14);
    EXPECT_LE(relative_error(gram, gram.t()), 1e-15);
  }
}

TEST(AllEigenpairs, ReconstructTheMatrixInDescendingOrder) {
  const at::Tensor g = symmetric({5, 4, 3, 0.5, 0});
  const SymmetricEigen eigen = all_eigenpairs(g);
  EXPECT_TRUE(eigen.is_sound);
  EXPECT_LE(relative_error(at::matmul(eigen.vectors.mul(eigen.values), eigen.vectors.t()), g),
            1e-13);
  EXPECT_NEAR(eigen.values[0].item<double>(), 5.0, 1e-12);
}

TEST(AllEigenpairs, InFp32AreAnOrthonormalBasisToItsRounding) {
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) values.push_back(std::pow(0.9, i));
  const at::Tensor g = symmetric(values);
  const SymmetricEigen eigen = all_eigenpairs(g.to(at::kFloat));
  EXPECT_TRUE(eigen.is_sound);
  EXPECT_EQ(eigen.vectors.scalar_type(), at::kFloat);
  const at::Tensor v = eigen.vectors.to(at::kDouble);
  EXPECT_LE(relative_error(at::matmul(v.mul(eigen.values), v.t()), g), 1e-5);
  EXPECT_LE(relative_error(at::matmul(v.t(), v), at::eye(100, at::kDouble)), 1e-5);
  at::Tensor skew = g.to(at::kFloat);
  skew[0][4].add_(1.0);
  EXPECT_FALSE(all_eigenpairs(skew).is_sound);
}

TEST(AllEigenpairs, OfAMatrixThatIsNotSymmetricAreUnsound) {
  at::Tensor g = symmetric({5, 4, 3, 2, 1});
  g[0][4].add_(1.0);  // LAPACK reads one triangle only
  EXPECT_FALSE(all_eigenpairs(g).is_sound);
}

TEST(AllEigenvalues, AreThoseOfTheEigenpairs) {
  const at::Tensor g = symmetric({5, 4, 3, 0.5, 0});
  EXPECT_LE(relative_error(all_eigenvalues(g).value(), all_eigenpairs(g).values), 1e-13);
}

TEST(AllEigenvalues, OfAMatrixThatIsNotSymmetricAreNone) {
  at::Tensor g = symmetric({5, 4, 3, 2, 1});
  g[0][4].add_(1.0);  // LAPACK reads one triangle only
  EXPECT_FALSE(all_eigenvalues(g).has_value());
}

TEST(LeadingEigenpairs, OfManyOrFewAreTheSame) {
  std::vector<double> values;
  for (int i = 0; i < 400; ++i) values.push_back(std::pow(1.0 + i / 10.0, -2.0));
  const at::Tensor g = symmetric(values);
  const SymmetricEigen all = all_eigenpairs(g);
  for (const int64_t k : {0, 1, 10, 199, 200, 399, 400}) {
    const SymmetricEigen some = leading_eigenpairs(g, k);
    ASSERT_EQ(some.vectors.size(1), k);
    EXPECT_TRUE(some.is_sound);
    EXPECT_LE(relative_error(some.values, all.values.narrow(0, 0, k)), 1e-10);
    const at::Tensor u = some.vectors, w = all.vectors.narrow(1, 0, k);
    EXPECT_LE(relative_error(at::matmul(u, u.t()), at::matmul(w, w.t())), 1e-8) << k;
    EXPECT_NEAR(some.next, k < 400 ? values[static_cast<size_t>(k)] : 0.0, 1e-9);
  }
}

TEST(LeadingEigenpairs, FindEveryCopyOfAMultipleEigenvalue) {
  std::vector<double> values(30, 2.0);
  for (int i = 30; i < 400; ++i) values.push_back(1.0 / i);
  const SymmetricEigen some = leading_eigenpairs(symmetric(values), 25);
  EXPECT_NEAR(some.values.min().item<double>(), 2.0, 1e-12);
  EXPECT_NEAR(some.next, 2.0, 1e-12);
}

TEST(LeadingEigenpairs, OfAMatrixOfLowRankAreOrthonormal) {
  std::vector<double> values(400, 0.0);
  values[0] = 3.0;
  values[1] = 1.0;
  const SymmetricEigen some = leading_eigenpairs(symmetric(values), 8);
  EXPECT_LE(relative_error(at::matmul(some.vectors.t(), some.vectors), at::eye(8, at::kDouble)),
            1e-10);
  EXPECT_NEAR(some.values[2].item<double>(), 0.0, 1e-12);
}

}  // namespace
}  // namespace isomerge
