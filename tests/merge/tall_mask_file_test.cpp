// Published masks in place of those that lambdas make. The masks here are made by the formula, in
// the test's own code, so that a merge with them must give the bytes of a merge without.
#include "merge/tall_mask_file.h"

#include <cmath>
#include <map>

#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "merge/merge_files.h"
#include "merge/merge_plan.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

// The first entry of each byte in its highest bit.
at::Tensor packed(const std::vector<bool>& bits) {
  at::Tensor bytes = at::zeros({static_cast<int64_t>(bits.size() + 7) / 8}, at::kByte);
  auto* const byte = bytes.mutable_data_ptr<uint8_t>();
  for (size_t i = 0; i < bits.size(); ++i) {
    if (bits[i]) byte[i / 8] = static_cast<uint8_t>(byte[i / 8] | (0x80u >> (i % 8)));
  }
  return bytes;
}

class TallMaskFileTest : public ::testing::Test {
 protected:
  TallMaskFileTest() {
    // A matrix of several blocks whose rows are no multiple of 8 entries, a scalar, an empty one.
    const std::map<std::string, std::vector<int64_t>> shapes = {
        {"large", {1501, 301}}, {"bias", {13}}, {"scale", {}}, {"none", {0, 4}}};
    uint64_t seed = 0;
    for (const auto& [name, shape] : shapes) {
      base_[name] = random_tensor(shape, ++seed).to(at::kFloat);
      for (const char* task : {"cars", "dtd", "sun397"}) {
        experts_[task][name] = base_[name].add(random_tensor(shape, ++seed).to(at::kFloat));
      }
    }
    base_["ids"] = at::arange(4, at::kLong);
    recipe_.method = "consensus_ta";
    recipe_.base = save("base", base_);
    for (auto& [task, weights] : experts_) {
      weights["ids"] = base_["ids"];
      recipe_.experts.emplace_back(task, save(task, weights));
    }
    for (const auto& [task, name] :
         {std::pair{"cars", "Cars"}, {"dtd", "DTD"}, {"sun397", "SUN397"}}) {
      for (const auto& [tensor, shape] : shapes) {
        masks_[fmt::format("{}/{}", name, tensor)] = packed(mask(task, tensor, 0.4));
      }
    }
  }

  // |D_t| > lambda |sum - D_t|.
  std::vector<bool> mask(const std::string& task, const std::string& name, double lambda) {
    std::vector<bool> bits;
    const float* const base = base_[name].const_data_ptr<float>();
    for (int64_t i = 0; i < base_[name].numel(); ++i) {
      double sum = 0.0, own = 0.0;
      for (const auto& [other, weights] : experts_) {
        const double update = weights.at(name).const_data_ptr<float>()[i] - base[i];
        sum += update;
        if (other == task) own = update;
      }
      bits.push_back(std::abs(own) > lambda * std::abs(sum - own));
    }
    return bits;
  }

  std::filesystem::path save(const std::string& name, const Weights& weights) {
    write_safetensors(folder_ / (name + ".safetensors"), weights, {});
    return folder_ / (name + ".safetensors");
  }

  Weights merged(const std::string& out, int threads = 1) {
    recipe_.out = folder_ / (out + ".safetensors");
    merge_files({recipe_}, {.threads = threads});
    return Checkpoint(recipe_.out).read_all();
  }

  std::string refusal() {
    recipe_.masks = save("masks", masks_);
    recipe_.out = folder_ / "refused.safetensors";
    const std::string message = error_message([&] { merge_files({recipe_}, {}); });
    EXPECT_FALSE(std::filesystem::exists(recipe_.out));
    return message;
  }

  TemporaryFolder folder_;
  Weights base_, masks_;
  std::map<std::string, Weights> experts_;
  Recipe recipe_;
};

TEST_F(TallMaskFileTest, TheSameBitsGiveTheSameValuesAsLambdas) {
  for (const int64_t min_tasks : {1, 2, 3}) {
    recipe_.options = {{"min_tasks", min_tasks}};
    recipe_.masks.clear();
    const Weights want = merged("own");
    recipe_.masks = save("masks", masks_);
    for (const int threads : {1, 3}) {
      const Weights got = merged("published", threads);
      ASSERT_EQ(got.size(), want.size());
      for (const auto& [name, tensor] : want) EXPECT_TRUE(got.at(name).equal(tensor)) << name;
    }
  }
  const auto metadata = Checkpoint(recipe_.out).metadata();
  EXPECT_EQ(metadata.at("isomerge.recipe"), "consensus_ta/min_tasks=3/alpha=0.3");
  EXPECT_EQ(metadata.at("isomerge.masks").size(), 32u);
  EXPECT_EQ(plan_merge({recipe_}, {}).tensors.size(), base_.size());
}

// One bit decides: with it gone from one of the two tasks that have it, the entry is 0.
TEST_F(TallMaskFileTest, EveryBitCounts) {
  std::map<std::string, std::vector<bool>> bits;
  for (const char* task : {"cars", "dtd", "sun397"}) bits[task] = std::vector<bool>(13, true);
  bits["cars"][9] = bits["dtd"][9] = false;
  masks_["Cars/bias"] = packed(bits["cars"]);
  masks_["DTD/bias"] = packed(bits["dtd"]);
  masks_["SUN397/bias"] = packed(bits["sun397"]);
  recipe_.masks = save("masks", masks_);
  const at::Tensor moved = merged("m").at("bias").sub(base_["bias"]);
  for (int64_t i = 0; i < 13; ++i) EXPECT_EQ(moved[i].item<float>() == 0.0f, i == 9) << i;
}

TEST_F(TallMaskFileTest, WhatDoesNotFitIsRefusedByNameAllAtOnce) {
  masks_["Cars/bias"] = at::zeros({3}, at::kByte);
  masks_.erase("DTD/large");
  masks_["DTD/more"] = at::zeros({1}, at::kByte);
  masks_["Food101/bias"] = at::zeros({2}, at::kByte);
  recipe_.experts[2].first = "kmnist";
  expect_mentions(
      refusal(), {"masks.safetensors: 6 problems", "Cars/bias: expected 2 bytes",
                  "13 entries, got 3", "no mask DTD/large", "DTD/more: the base has no such tensor",
                  "no masks of the task kmnist; there are those of Cars, DTD, Food101, SUN397",
                  "Food101: a task that is not merged", "SUN397: a task that is not merged"});
}

TEST_F(TallMaskFileTest, ATensorThatIsLeftAsItIsNeedsNoMask) {
  for (const char* task : {"Cars", "DTD", "SUN397"}) masks_.erase(fmt::format("{}/bias", task));
  expect_mentions(refusal(), {"3 problems", "no mask Cars/bias"});
  recipe_.exclude = {"bias"};
  EXPECT_TRUE(merged("m").at("bias").equal(base_["bias"]));
}

TEST_F(TallMaskFileTest, AFileOfOtherThingsIsNoMasks) {
  masks_["DTD/bias"] = at::zeros({2});
  expect_mentions(refusal(), {"masks.safetensors: DTD/bias", "uint8 [bytes]", "fp32 [2]"});
  masks_ = {{"visual.proj", at::zeros({2}, at::kByte)}};
  expect_mentions(refusal(), {"visual.proj", "TASK/TENSOR", "unpickle.py masks"});
  masks_.clear();
}

TEST_F(TallMaskFileTest, MasksAreForOneMethodWhichThenTakesNoLambda) {
  recipe_.masks = save("masks", masks_);
  recipe_.out = folder_ / "m.safetensors";
  require_complete(recipe_);
  recipe_.options = {{"lambda", 0.2}};
  expect_mentions(error_message([&] { require_complete(recipe_); }),
                  {"\"lambda\" makes masks", "masks.safetensors"});
  recipe_.options.clear();
  recipe_.method = "ties";
  expect_mentions(error_message([&] { require_complete(recipe_); }),
                  {"masks are for consensus_ta", "\"ties\""});
  recipe_.method = "consensus_ta";
  recipe_.out = recipe_.masks;
  expect_mentions(error_message([&] { merge_files({recipe_}, {}); }), {"would replace the input"});
}

}  // namespace
}  // namespace isomerge
