#include "analysis/cosine.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "analysis/suite_files.h"

namespace isomerge {
namespace {

// Two experts of a base of zeros whose updates are (3, 4 | 0) and (4, 3 | 12).
class Cosines : public ::testing::Test {
 protected:
  Cosines() {
    save("base", 0, 0, 0);
    save("a", 3, 4, 0);
    save("b", 4, 3, 12);
    save("none", 0, 0, 0);
  }

  std::filesystem::path save(const std::string& name, float x, float y, float z) const {
    write_safetensors(path(name), {{"layers.0.w", at::tensor({x, y})},
                                   {"layers.1.w", at::tensor({z}).view({1, 1})},
                                   {"ids", at::zeros({2}, at::kLong)}});
    return path(name);
  }

  std::filesystem::path path(const std::string& name) const {
    return folder_ / (name + ".safetensors");
  }

  Updates updates(const std::string& second = "b") const {
    return Updates(path("base"), {{"a", path("a")}, {second, path(second)}});
  }

  TemporaryFolder folder_;
};

TEST_F(Cosines, OfKnownVectorsAreKnown) {
  const auto groups = update_cosines(updates(), nullptr, {});
  ASSERT_EQ(groups.size(), 1u);
  const CosineGroup& all = groups[0];
  EXPECT_EQ(all.tensors, 2);
  EXPECT_DOUBLE_EQ(all.norms[0], 5.0);
  EXPECT_DOUBLE_EQ(all.norms[1], 13.0);
  EXPECT_DOUBLE_EQ(*all.cosines[0], 1.0);
  EXPECT_DOUBLE_EQ(*all.cosines[1], 24.0 / 65);
  EXPECT_DOUBLE_EQ(*all.cosines[3], 24.0 / 65);
  // The sum is (7, 7 | 12), of norm sqrt(242).
  EXPECT_DOUBLE_EQ(all.norms[2], std::sqrt(242.0));
  EXPECT_DOUBLE_EQ(*all.cosines[2], 49.0 / (5 * std::sqrt(242.0)));
  EXPECT_DOUBLE_EQ(*all.cosines[7], (28.0 + 21 + 144) / (13 * std::sqrt(242.0)));
}

TEST_F(Cosines, OfLayersAreOverTheirOwnTensorsAndUndefinedForZeros) {
  const auto groups = update_cosines(updates(), nullptr, {{}, Grouping::kLayer, 2});
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_DOUBLE_EQ(*groups[0].cosines[1], 24.0 / 25);
  EXPECT_EQ(groups[1].group, "layers.1");
  EXPECT_EQ(groups[1].cosines[1], std::nullopt) << "a did not change it";
  EXPECT_DOUBLE_EQ(*groups[1].cosines[4], 1.0);
}

TEST_F(Cosines, AMergedFileTakesThePlaceOfTheSum) {
  const Updates all = updates();
  const MergedUpdate merged(save("merged", 4, -3, 0), all.base());
  const CosineGroup group = update_cosines(all, &merged, {})[0];
  EXPECT_NEAR(*group.cosines[2], 0.0, 1e-15);
  EXPECT_DOUBLE_EQ(*group.cosines[5], 7.0 / 65);
  EXPECT_DOUBLE_EQ(group.norms[2], 5.0);
}

TEST_F(Cosines, AreThoseOfWholeVectorsWhateverTheBlocksAndThreads) {
  const int64_t rows = 700, columns = 500;  // three blocks
  const auto large = [&](const std::string& name, uint64_t seed) {
    write_safetensors(path(name), {{"w", random_tensor({rows, columns}, seed).to(at::kFloat)}});
  };
  large("base", 1);
  large("a", 2);
  large("b", 3);
  const Updates all = updates();
  const at::Tensor x = all.load("w", at::kFloat).updates[0].dense().to(at::kDouble);
  const at::Tensor y = all.load("w", at::kFloat).updates[1].dense().to(at::kDouble);
  const CosineGroup one = update_cosines(all, nullptr, {})[0];
  EXPECT_NEAR(*one.cosines[1], (x.mul(y).sum() / (x.norm() * y.norm())).item<double>(), 1e-12);
  EXPECT_GT(*one.cosines[1], 0.4) << "both lead away from the same base";
  EXPECT_EQ(update_cosines(all, nullptr, {{}, Grouping::kModel, 3})[0].cosines, one.cosines);
}

}  // namespace
}  // namespace isomerge
