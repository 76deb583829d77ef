#include "linalg/residual.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <gtest/gtest.h>

#include "linalg/product.h"
#include "support/random_tensors.h"

namespace isomerge {
namespace {

CommonSpace space_of(const at::Tensor& c, int64_t k) {
  const SymmetricEigen eigen = all_eigenpairs(gram_of_rows(short_side_rows(c)));
  return leading_space(eigen, long_side_vectors(c, eigen, k), c.size(0) <= c.size(1), k);
}

class ResidualTest : public ::testing::TestWithParam<std::pair<int64_t, int64_t>> {};

TEST_P(ResidualTest, TheCommonSpaceIsTheLeadingPartOfTheSvd) {
  const at::Tensor c = random_tensor({GetParam().first, GetParam().second}, 1);
  const Svd want = thin_svd(c).leading(6);
  const CommonSpace got = space_of(c, 6);
  EXPECT_LE(relative_error(at::matmul(got.triplets.u.mul(got.triplets.s), got.triplets.vt),
                           at::matmul(want.u.mul(want.s), want.vt)),
            1e-11);
  EXPECT_NEAR(got.triplets.next, thin_svd(c).s[6].item<double>(), 1e-10);
}

TEST_P(ResidualTest, TripletsAreThoseOfWhatTheProjectionLeaves) {
  const at::Tensor c = random_tensor({GetParam().first, GetParam().second}, 1);
  const at::Tensor d = random_tensor({GetParam().first, GetParam().second}, 2);
  const CommonSpace space = space_of(c, 6);
  const at::Tensor u = space.left.u;
  const Svd want = thin_svd(d - at::matmul(u, at::matmul(u.t(), d))).leading(3);
  const Svd got =
      residual_triplets(d, space.left, leading_eigenpairs(residual_gram(d, space.left), 3), 3);
  EXPECT_LE(
      relative_error(at::matmul(got.u.mul(got.s), got.vt), at::matmul(want.u.mul(want.s), want.vt)),
      1e-10);
  EXPECT_LE(relative_error(got.s, want.s), 1e-11);
  EXPECT_EQ(got.fallbacks, 0);
  EXPECT_LE(at::matmul(u.t(), got.u).abs().max().item<double>(), 1e-12) << "outside the space";
}

TEST_P(ResidualTest, TripletsAreTheSameWhereAPartOfTheMatrixIsKnown) {
  const at::Tensor c = random_tensor({GetParam().first, GetParam().second}, 1);
  const at::Tensor d = random_tensor({GetParam().first, GetParam().second}, 2);
  const CommonSpace space = space_of(c, 6);
  const SymmetricEigen eigen = leading_eigenpairs(residual_gram(d, space.left), 3);
  const at::Tensor& basis = space.left.complement.defined() ? space.left.complement : space.left.u;
  const at::Tensor inside = at::matmul(basis.t(), d);
  const Svd want = residual_triplets(d, space.left, eigen, 3);
  const Svd got = residual_triplets(d, space.left, eigen, 3, {inside, d.norm().item<double>()});
  EXPECT_LE(relative_error(got.u, want.u), 1e-12);
  EXPECT_LE(relative_error(got.s, want.s), 1e-12);
  EXPECT_LE(relative_error(got.vt, want.vt), 1e-12);
  const Svd other =
      residual_triplets(d, space.left, eigen, 3, {inside * 2.0, d.norm().item<double>()});
  EXPECT_GE(relative_error(other.s, want.s), 0.01) << "what is known is used";
}

INSTANTIATE_TEST_SUITE_P(Shapes, ResidualTest,
                         ::testing::Values(std::pair<int64_t, int64_t>{12, 30},
                                           std::pair<int64_t, int64_t>{30, 12},
                                           std::pair<int64_t, int64_t>{14, 14}));

// Of an fp32 matrix that is large in the common space and small outside, a product in fp32 would
// round away what is wanted.
TEST(ResidualTriplets, OfASmallResidualKeepTheirDigits) {
  const at::Tensor u = random_orthonormal(60, 3, 31);
  const at::Tensor d = at::matmul(u, random_tensor({3, 20}, 32) * 1e5)
                           .add_(random_tensor({60, 20}, 33))
                           .to(at::kFloat);
  const LeftSpace space{u, {}};
  const Svd want = lapack_residual_triplets(d, space, 4);
  const Svd got = residual_triplets(d, space, leading_eigenpairs(residual_gram(d, space), 4), 4);
  const at::Tensor overlap = at::matmul(want.u.t(), got.u);
  EXPECT_LE(relative_error(at::matmul(want.u, overlap), got.u), 3e-5);
}

TEST(ResidualTriplets, AKnownNormDecidesWhetherFp32WillDo) {
  const at::Tensor u = random_orthonormal(60, 3, 31);
  const at::Tensor d = random_tensor({60, 20}, 33).to(at::kFloat);
  const LeftSpace space{u, {}};
  const SymmetricEigen eigen = leading_eigenpairs(residual_gram(d, space), 4);
  const double norm = d.norm().item<double>();
  const auto u_for = [&](double known) {
    return residual_triplets(d, space, eigen, 4, {{}, known}).u;
  };
  EXPECT_TRUE(u_for(norm).equal(residual_triplets(d, space, eigen, 4).u));
  const at::Tensor exact = u_for(100.0 * norm);
  EXPECT_LE(relative_error(u_for(norm), exact), 1e-6);
  EXPECT_GE(relative_error(u_for(norm), exact), 1e-9) << "in fp32";
}

}  // namespace
}  // namespace isomerge
