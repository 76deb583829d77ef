#include "linalg/product.h"

#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "support/random_tensors.h"

namespace isomerge {
namespace {

// fp32 values, as they are and as a transposed view.
std::vector<at::Tensor> narrow_layouts(const at::Tensor& a) {
  const at::Tensor narrow = a.to(at::kFloat);
  return {narrow, narrow.t().contiguous().t()};
}

// The second shape needs several blocks, the last of them smaller.
class Product : public ::testing::TestWithParam<std::tuple<int64_t, int64_t, int64_t>> {};

TEST_P(Product, OfMixedDtypesIsTheFp64ProductOfTheSameNumbers) {
  const auto [m, k, n] = GetParam();
  const at::Tensor a = random_tensor({m, k}, 1), b = random_tensor({k, n}, 2);
  for (const at::Tensor& narrow : narrow_layouts(a)) {
    const at::Tensor got = multiply(narrow, b);
    EXPECT_EQ(got.scalar_type(), at::kDouble);
    EXPECT_LE(relative_error(got, at::matmul(narrow.to(at::kDouble), b)), 1e-14);
  }
  for (const at::Tensor& narrow : narrow_layouts(b)) {
    EXPECT_LE(relative_error(multiply(a, narrow), at::matmul(a, narrow.to(at::kDouble))), 1e-14);
  }
}

TEST_P(Product, GramOfFp32IsTheExactOneOfTheSameNumbersAndSymmetric) {
  const auto [m, k, n] = GetParam();
  for (const at::Tensor& narrow : narrow_layouts(random_tensor({m, k}, 3))) {
    const at::Tensor wide = narrow.to(at::kDouble), gram = gram_of_rows(narrow);
    EXPECT_EQ(gram.scalar_type(), at::kDouble);
    EXPECT_LE(relative_error(gram, at::matmul(wide, wide.t())), 1e-14);
    EXPECT_LE(relative_error(gram_of_rows(wide), gram), 1e-14);
    EXPECT_TRUE(gram.equal(gram.t()));
  }
}

TEST_P(Product, GramAddsToWhatItIsGivenAndLeavesThatAsItWas) {
  const auto [m, k, n] = GetParam();
  const at::Tensor a = random_tensor({m, k}, 4);
  const at::Tensor more = gram_of_rows(random_tensor({m, n}, 5)), before = more.clone();
  const at::Tensor got = gram_of_rows(a, more);
  EXPECT_LE(relative_error(got, more + at::matmul(a, a.t())), 1e-14);
  EXPECT_TRUE(got.equal(got.t()));
  EXPECT_TRUE(more.equal(before));
}

INSTANTIATE_TEST_SUITE_P(Shapes, Product,
                         ::testing::Values(std::tuple(7, 30, 5), std::tuple(530, 4100, 33),
                                           std::tuple(33, 530, 4100), std::tuple(1, 1, 1)));

TEST(Product, OfEmptyMatricesIsZero) {
  const at::Tensor none = at::empty({3, 0}, at::kFloat);
  EXPECT_TRUE(gram_of_rows(none).equal(at::zeros({3, 3}, at::kDouble)));
  EXPECT_TRUE(multiply(none, at::empty({0, 2}, at::kDouble)).equal(at::zeros({3, 2}, at::kDouble)));
  EXPECT_EQ(multiply(at::empty({2, 3}, at::kDouble), none).numel(), 0);
}

}  // namespace
}  // namespace isomerge
