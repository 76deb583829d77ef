#include "linalg/lanczos.h"

#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "linalg/eigen.h"
#include "support/random_tensors.h"

namespace isomerge {
namespace {

constexpr int64_t kOrder = 480;

at::Tensor spectrum(double decay) {
  return at::linspace(0, kOrder - 1, kOrder, at::kDouble).div(0.2 * kOrder).add(1.0).pow(-decay);
}

// Random vectors for these values.
at::Tensor with(const at::Tensor& values) {
  const at::Tensor vectors = random_orthonormal(kOrder, kOrder, 1);
  const at::Tensor g = at::matmul(vectors * values, vectors.t());
  return (g + g.t()) * 0.5;
}

// All pairs come from LAPACK whatever k.
SymmetricEigen by_lapack(const at::Tensor& g, int64_t k) { return all_eigenpairs(g).leading(k); }

// The sine of the largest angle between the spans of orthonormal columns, or a little more.
double angle(const at::Tensor& a, const at::Tensor& b) {
  return at::matmul(b, at::matmul(b.t(), a)).sub_(a).norm().item<double>();
}

TEST(LanczosEigenpairs, AreThoseOfLapack) {
  const at::Tensor g = with(spectrum(3.4));
  for (const int64_t k : {1, 9, 40}) {
    const auto got = lanczos_eigenpairs(g, k);
    ASSERT_TRUE(got.has_value()) << k;
    const SymmetricEigen want = by_lapack(g, k);
    EXPECT_LE(angle(got->vectors, want.vectors), 1e-7) << k;
    EXPECT_LE(relative_error(got->values, want.values), 1e-12) << k;
    EXPECT_NEAR(got->next, want.next, 1e-9 * want.next) << k;
    EXPECT_LE(relative_error(at::matmul(got->vectors.t(), got->vectors), at::eye(k, at::kDouble)),
              1e-11)
        << k;
  }
}

// More steps than the first look at the space asks for.
TEST(LanczosEigenpairs, AreFoundWhereTheValuesFallSlowly) {
  const at::Tensor g = with(spectrum(1.5));
  const auto got = lanczos_eigenpairs(g, 20);
  ASSERT_TRUE(got.has_value());
  EXPECT_LE(angle(got->vectors, by_lapack(g, 20).vectors), 1e-7);
}

TEST(LanczosEigenpairs, AreLeftToLapackWhereTheValuesHardlyFall) {
  const at::Tensor g = with(at::linspace(1.0, 0.99, kOrder, at::kDouble));
  EXPECT_FALSE(lanczos_eigenpairs(g, 20).has_value());
  EXPECT_LE(angle(leading_eigenpairs(g, 20).vectors, by_lapack(g, 20).vectors), 1e-7);
}

TEST(LanczosEigenpairs, AreLeftToLapackWhereTheRankIsSmall) {
  for (const int64_t rank : {60, 20}) {
    at::Tensor values = spectrum(1.0);
    values.narrow(0, rank, kOrder - rank).zero_();
    EXPECT_FALSE(lanczos_eigenpairs(with(values), 30).has_value()) << rank;
  }
  EXPECT_FALSE(lanczos_eigenpairs(at::zeros({kOrder, kOrder}, at::kDouble), 30).has_value());
  EXPECT_FALSE(lanczos_eigenpairs(at::eye(kOrder, at::kDouble), 30).has_value());
}

// A Krylov space holds no more directions of one value than its blocks have columns, until rounding
// brings the others in: values that fall slowly and then agree leave it no time for that.
TEST(LanczosEigenpairs, AreRightWhereMoreDirectionsThanABlockHasShareAValue) {
  for (const auto& [decay, shared, from] :
       {std::tuple<double, int64_t, int64_t>{1.5, 9, 0}, {1.5, 12, 5}, {3.4, 20, 5}}) {
    at::Tensor values = spectrum(decay);
    values.narrow(0, from, shared).fill_(values[from].item<double>());
    const at::Tensor g = with(values);
    EXPECT_FALSE(lanczos_eigenpairs(g, from + shared).has_value()) << shared;
    EXPECT_LE(
        angle(leading_eigenpairs(g, from + shared).vectors, by_lapack(g, from + shared).vectors),
        1e-7)
        << shared;
  }
}

TEST(LanczosEigenpairs, AreFoundWhereABlockHasAColumnForEachThatSharesAValue) {
  at::Tensor values = spectrum(3.4);
  values.narrow(0, 5, 8).fill_(values[5].item<double>());
  const at::Tensor g = with(values);
  const auto got = lanczos_eigenpairs(g, 13);
  ASSERT_TRUE(got.has_value());
  EXPECT_LE(angle(got->vectors, by_lapack(g, 13).vectors), 1e-7);
}

// The ninth of nine would make a tie of the cut.
TEST(LanczosEigenpairs, DoNotHideATieWhereABlockHasNoColumnForTheLastOfIt) {
  for (const int64_t from : {0, 5}) {
    at::Tensor values = spectrum(1.5);
    values.narrow(0, from, 9).fill_(values[from].item<double>());
    const SymmetricEigen got = leading_eigenpairs(with(values), from + 8);
    EXPECT_NEAR(got.next, values[from].item<double>(), 1e-9) << from;
  }
}

TEST(LanczosEigenpairs, AreTheSameInEveryCall) {
  const at::Tensor g = with(spectrum(3.4));
  const SymmetricEigen first = leading_eigenpairs(g, 9), second = leading_eigenpairs(g, 9);
  EXPECT_TRUE(first.vectors.equal(second.vectors));
  EXPECT_TRUE(first.vectors.equal(lanczos_eigenpairs(g, 9)->vectors)) << "where they pay";
}

TEST(LanczosEigenpairs, PayForFewOfManyAlone) {
  EXPECT_TRUE(lanczos_pays(768, 48));
  EXPECT_TRUE(lanczos_pays(768, 96));
  EXPECT_FALSE(lanczos_pays(768, 128));
  EXPECT_FALSE(lanczos_pays(128, 4));
  EXPECT_FALSE(lanczos_pays(768, 0));
}

}  // namespace
}  // namespace isomerge
