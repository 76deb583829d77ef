#include "linalg/openblas.h"

#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/matmul.h>
#include <gtest/gtest.h>

#include "support/random_tensors.h"

namespace isomerge {
namespace {

class OpenBlas : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_openblas()) GTEST_SKIP() << "no libopenblas.so.0 here, or a sanitizer";
  }
};

TEST_F(OpenBlas, GramIsTheProductWithTheTransposeAndExactlySymmetric) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{1, 3}, {40, 90}, {90, 40}}) {
    const at::Tensor a = random_tensor({m, n}, 1);
    const at::Tensor gram = openblas_gram(a).value();
    EXPECT_LE(relative_error(gram, at::matmul(a, a.t())), 1e-14);
    EXPECT_TRUE(gram.equal(gram.t()));
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
}

}  // namespace
}  // namespace isomerge
