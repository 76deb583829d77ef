#include "linalg/openblas.h"

#include <cstdlib>

#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "linalg/product.h"
#include "support/random_tensors.h"

namespace isomerge {
namespace {

class OpenBlas : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_openblas()) GTEST_SKIP() << "no libopenblas.so.0 here, or a sanitizer";
  }
};

// As it is, as a transposed view, and with gaps between its rows and between its entries.
std::vector<at::Tensor> layouts_of(const at::Tensor& a) {
  const int64_t m = a.size(0), n = a.size(1);
  const at::Tensor wide = at::zeros({m, n + 3}, a.options());
  const at::Tensor sparse = at::zeros({m, 2 * n}, a.options());
  std::vector<at::Tensor> layouts = {a, a.t().contiguous().t(), wide.narrow(1, 2, n),
                                     sparse.slice(1, 0, 2 * n, 2)};
  for (at::Tensor& layout : layouts) layout.copy_(a);
  return layouts;
}

TEST_F(OpenBlas, ProductIsThatOfLibTorchInEveryLayout) {
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    const at::Tensor a = random_tensor({7, 30}, 1).to(dtype),
                     b = random_tensor({30, 1}, 2).to(dtype);
    const at::Tensor c = random_tensor({30, 40}, 3).to(dtype);
    for (const at::Tensor& left : layouts_of(a)) {
      for (const at::Tensor& right : layouts_of(b)) {
        EXPECT_LE(relative_error(openblas_product(left, right).value(), at::matmul(a, b)), 1e-6);
      }
      for (const at::Tensor& right : layouts_of(c)) {
        const at::Tensor got = openblas_product(left, right).value();
        EXPECT_EQ(got.scalar_type(), dtype);
        EXPECT_LE(relative_error(got, at::matmul(a, c)), dtype == at::kFloat ? 1e-6 : 1e-14);
      }
    }
  }
}

// OpenBLAS 0.3.21 takes every processor that is newer than itself for one with SSE3.
TEST_F(OpenBlas, KernelUsesTheVectorsOfTheProcessor) {
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr) GTEST_SKIP() << "somebody chose the kernel";
  EXPECT_NE(openblas_kernel(), "");
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) {
    EXPECT_NE(openblas_kernel(), "Prescott");
  }
#endif
  EXPECT_EQ(std::getenv("OPENBLAS_CORETYPE"), nullptr) << "children would inherit it";
}

TEST_F(OpenBlas, EmptyMixedAndOtherDtypesAreLeftToLibTorch) {
  const at::Tensor a = random_tensor({3, 4}, 1);
  EXPECT_FALSE(openblas_product(a, at::empty({4, 0}, at::kDouble)).has_value());
  EXPECT_FALSE(openblas_product(a, random_tensor({4, 2}, 2).to(at::kFloat)).has_value());
  EXPECT_FALSE(openblas_product(a.to(at::kHalf), a.t().to(at::kHalf)).has_value());
  EXPECT_TRUE(multiply(a, at::empty({4, 0}, at::kDouble)).equal(at::empty({3, 0}, at::kDouble)));
}

TEST_F(OpenBlas, GramAddsToTheUpperTriangleAlone) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{1, 3}, {40, 90}, {90, 40}}) {
    const at::Tensor a = random_tensor({m, n}, 1);
    for (const at::Tensor& layout : layouts_of(a)) {
      at::Tensor gram = at::ones({m, m}, at::kDouble);
      ASSERT_TRUE(openblas_add_upper_gram(gram, layout));
      EXPECT_LE(relative_error(gram.triu(), at::matmul(a, a.t()).add(1).triu()), 1e-14);
      EXPECT_TRUE(gram.tril(-1).equal(at::ones({m, m}, at::kDouble).tril(-1))) << "not touched";
    }
  }
}

TEST_F(OpenBlas, EigenpairsAreTheLargestOfLapack) {
  const at::Tensor a = random_tensor({60, 80}, 2);
  const at::Tensor g = at::matmul(a, a.t()), before = g.clone();
  const auto [all, vectors] = at::linalg_eigh(g);
  for (const int64_t k : {1, 7, 60}) {
    const auto [values, u] = openblas_eigenpairs(g, k).value();
    EXPECT_LE(relative_error(values, all.narrow(0, 60 - k, k)), 1e-12) << k;
    const at::Tensor w = vectors.narrow(1, 60 - k, k);
    EXPECT_LE(relative_error(at::matmul(u, u.t()), at::matmul(w, w.t())), 1e-10) << k;
  }
  EXPECT_TRUE(g.equal(before)) << "its argument stays as it is";
  EXPECT_FALSE(openblas_eigenpairs(g, 0).has_value());
  EXPECT_FALSE(openblas_eigenpairs(g, 61).has_value());
}

}  // namespace
}  // namespace isomerge
