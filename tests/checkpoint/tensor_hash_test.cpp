#include "checkpoint/tensor_hash.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace isomerge {
namespace {

TEST(TensorHash, TellsShapesDtypesAndValuesApart) {
  const std::string hash = tensor_hash(at::zeros({2, 3}));
  EXPECT_EQ(hash.size(), 32u);
  EXPECT_EQ(tensor_hash(at::zeros({2, 3})), hash);
  EXPECT_NE(tensor_hash(at::zeros({3, 2})), hash);
  EXPECT_NE(tensor_hash(at::zeros({2, 3}, at::kInt)), hash) << "the same bytes";
  EXPECT_NE(tensor_hash(at::full({2, 3}, 1.0f)), hash);
}

TEST(WeightsHash, TellsNamesAndTensorsApart) {
  const at::Tensor a = at::zeros({2}), b = at::full({2}, 1.0f);
  const std::string hash = weights_hash({{"a", a}, {"b", b}});
  EXPECT_EQ(weights_hash({{"a", a.clone()}, {"b", b}}), hash);
  EXPECT_NE(weights_hash({{"a", b}, {"b", a}}), hash);
  EXPECT_NE(weights_hash({{"a", a}, {"c", b}}), hash);
  EXPECT_NE(weights_hash({{"a", a}}), hash);
}

}  // namespace
}  // namespace isomerge
