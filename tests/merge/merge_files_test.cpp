#include "merge/merge_files.h"

#include <limits>

#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "merge/merge_plan.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

Weights model(double value, at::ScalarType dtype = at::kFloat) {
  return {{"visual.proj", at::full({4, 3}, value, dtype)},
          {"visual.bias", at::full({3}, value, dtype)},
          {"text_projection", at::full({2, 2}, value, dtype)},
          {"ids", at::arange(4, at::kLong)}};
}

class MergeFiles : public ::testing::Test {
 protected:
  MergeFiles() {
    recipe_.method = "task_arithmetic";
    recipe_.alpha = 0.5;
    recipe_.base = save("base.safetensors", model(1.0));
    recipe_.experts = {{"a", save("a.safetensors", model(1.5))},
                       {"b", save("b.safetensors", model(3.0))}};
    recipe_.out = folder_ / "merged.safetensors";
  }

  std::filesystem::path save(const std::string& name, const Weights& weights) {
    write_safetensors(folder_ / name, weights);
    return folder_ / name;
  }

  at::Tensor merged(const std::string& name) {
    merge_files({recipe_}, {.threads = 2});
    return Checkpoint(recipe_.out).read(name);
  }

  TemporaryFolder folder_;
  Recipe recipe_;
};

TEST_F(MergeFiles, WritesBasePlusAlphaTimesTheMergedUpdate) {
  EXPECT_TRUE(merged("visual.proj").equal(at::full({4, 3}, 1.0 + 0.5 * (0.5 + 2.0))));
  EXPECT_TRUE(merged("ids").equal(at::arange(4, at::kLong)));
}

TEST_F(MergeFiles, WithoutAlphaTakesTheMethodsOwn) {
  recipe_.alpha.reset();
  EXPECT_EQ(resolved_alpha(recipe_), 0.3);
  EXPECT_TRUE(at::allclose(merged("visual.bias"), at::full({3}, 1.0 + 0.3 * 2.5)));
  recipe_.method = "average";
  EXPECT_TRUE(merged("visual.bias").equal(at::full({3}, (1.5 + 3.0) / 2)));
}

TEST_F(MergeFiles, UpdateOnlyWritesTheMergedUpdateInTheComputePrecision) {
  recipe_.update_only = true;
  recipe_.base = save("half.safetensors", model(1.0, at::kHalf));
  EXPECT_EQ(merged("visual.proj").scalar_type(), at::kFloat);
  recipe_.precision = Precision::kFp64;
  EXPECT_TRUE(merged("visual.proj").equal(at::full({4, 3}, 2.5, at::kDouble)));
  const Checkpoint out(recipe_.out);
  EXPECT_FALSE(out.contains("ids")) << "an integer has no update";
  EXPECT_EQ(out.metadata().at("isomerge.content"), "merged update");
  EXPECT_EQ(out.metadata().at("isomerge.recipe"), "task_arithmetic");
}

TEST_F(MergeFiles, TheOutputHasTheBasesDtypeUnlessToldOtherwise) {
  recipe_.base = save("half.safetensors", model(1.0, at::kHalf));
  EXPECT_EQ(merged("visual.proj").scalar_type(), at::kHalf);
  recipe_.dtype = OutputDtype::kBf16;
  EXPECT_EQ(merged("visual.proj").scalar_type(), at::kBFloat16);
  recipe_.dtype = OutputDtype::kFp32;
  EXPECT_EQ(merged("visual.proj").scalar_type(), at::kFloat);
  recipe_.dtype = OutputDtype::kFp16;
  EXPECT_EQ(merged("ids").scalar_type(), at::kLong);
}

TEST_F(MergeFiles, HalfPrecisionExpertsAreMergedInFp32) {
  for (const at::ScalarType dtype : {at::kHalf, at::kBFloat16}) {
    recipe_.base = save("base.safetensors", model(1.0, dtype));
    recipe_.experts = {{"a", save("a.safetensors", model(1.0078125, dtype))},
                       {"b", save("b.safetensors", model(3.0, dtype))}};
    recipe_.dtype = OutputDtype::kFp32;
    EXPECT_TRUE(merged("visual.bias").equal(at::full({3}, 1.0 + 0.5 * 2.0078125)));
  }
}

TEST_F(MergeFiles, MetadataNameTheRecipeAndTheTasks) {
  recipe_.method = "iso_cts";
  recipe_.options["common_fraction"] = 0.5;
  merge_files({recipe_}, {.threads = 1});
  const auto metadata = Checkpoint(recipe_.out).metadata();
  EXPECT_EQ(metadata.at("isomerge.recipe"), "iso_cts/common_fraction=0.5/null=zero/alpha=0.5");
  EXPECT_EQ(metadata.at("isomerge.tasks"), "a,b");
  EXPECT_EQ(metadata.at("isomerge.precision"), "fp32");
  EXPECT_EQ(metadata.at("isomerge.attention"), "packed");
  EXPECT_EQ(metadata.at("format"), "pt");
  EXPECT_EQ(metadata.at("isomerge.base").size(), 32u);
  EXPECT_NE(metadata.at("isomerge.expert.a"), metadata.at("isomerge.expert.b"));
  EXPECT_NE(metadata.at("isomerge.base"), std::string(32, '0')) << "the hash, not its place";
}

TEST_F(MergeFiles, TheSameBytesComeOutWithOneAndWithFourThreads) {
  recipe_.method = "tsv_m";
  Weights a = model(0), b = model(0);
  a["visual.proj"] = random_tensor({4, 3}, 1).to(at::kFloat);
  b["visual.proj"] = random_tensor({4, 3}, 2).to(at::kFloat);
  recipe_.experts = {{"a", save("a.safetensors", a)}, {"b", save("b.safetensors", b)}};
  merge_files({recipe_}, {.threads = 1});
  const std::string one = TemporaryFolder::read(recipe_.out);
  merge_files({recipe_}, {.threads = 4});
  EXPECT_EQ(TemporaryFolder::read(recipe_.out), one);
}

TEST_F(MergeFiles, AFolderGetsModelSafetensors) {
  recipe_.out = folder_ / "new/";
  merge_files({recipe_}, {.threads = 1});
  EXPECT_TRUE(std::filesystem::exists(folder_ / "new/model.safetensors"));
}

TEST_F(MergeFiles, ATorchScriptBaseGivesATorchScriptModel) {
  torch::jit::Module module("m");
  module.register_parameter("w", at::full({2, 2}, 1.0), false);
  module.define("def forward(self, x):\n  return x @ self.w\n");
  module.save((folder_ / "base.pt").string());
  recipe_.base = folder_ / "base.pt";
  recipe_.experts = {{"a", save("a.safetensors", {{"w", at::full({2, 2}, 3.0)}})}};
  recipe_.out = folder_ / "merged.pt";
  merge_files({recipe_}, {.threads = 1});
  const at::Tensor y =
      torch::jit::load(recipe_.out.string()).forward({at::full({1, 2}, 1.0)}).toTensor();
  EXPECT_TRUE(y.equal(at::full({1, 2}, 4.0)));  // 2 * (1 + 0.5 * 2)
  recipe_.dtype = OutputDtype::kFp16;
  expect_mentions(error_message([&] { merge_files({recipe_}, {.threads = 1}); }), {"--dtype"});
}

TEST_F(MergeFiles, ATorchScriptOutputNeedsATorchScriptBase) {
  recipe_.out = folder_ / "merged.pt";
  expect_mentions(error_message([&] { merge_files({recipe_}, {.threads = 1}); }),
                  {"merged.pt", "base.safetensors is a safetensors file"});
  recipe_.out = folder_ / "merged.bin";
  expect_mentions(error_message([&] { merge_files({recipe_}, {.threads = 1}); }),
                  {"merged.bin", "*.safetensors"});
}

TEST_F(MergeFiles, TheOutputMayNotBeAnInput) {
  const std::string before = TemporaryFolder::read(folder_ / "a.safetensors");
  recipe_.out = folder_ / "a.safetensors";
  expect_mentions(error_message([&] { merge_files({recipe_}, {.threads = 1}); }),
                  {"would replace the input"});
  EXPECT_EQ(TemporaryFolder::read(folder_ / "a.safetensors"), before);
  recipe_.out = recipe_.base;
  expect_mentions(error_message([&] { merge_files({recipe_}, {.threads = 1}); }),
                  {"would replace the input"});
}

TEST_F(MergeFiles, AFailureLeavesTheOldOutputAndNothingElse) {
  folder_.write("merged.safetensors", "old");
  Weights bad = model(2.0);
  bad["visual.proj"][0][0] = std::numeric_limits<float>::quiet_NaN();
  recipe_.experts[1].second = save("bad.safetensors", bad);
  expect_mentions(error_message([&] { merge_files({recipe_}, {.threads = 2}); }),
                  {"merging task_arithmetic", "visual.proj", "task \"b\""});
  EXPECT_EQ(TemporaryFolder::read(recipe_.out), "old");
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_FALSE(entry.path().filename().string().ends_with(".part")) << entry.path();
  }
}

TEST_F(MergeFiles, EqualExpertsUnderTwoPathsAreAWarning) {
  std::filesystem::copy(folder_ / "a.safetensors", folder_ / "copy.safetensors");
  recipe_.experts.emplace_back("c", folder_ / "copy.safetensors");
  std::vector<std::string> warnings;
  const LogSink old = set_log_sink([&](LogLevel level, const std::string& message) {
    if (level == LogLevel::kWarning) warnings.push_back(message);
  });
  merge_files({recipe_}, {.threads = 1});
  set_log_sink(old);
  ASSERT_EQ(warnings.size(), 1u);
  expect_mentions(warnings[0], {"\"a\"", "\"c\"", "same values"});
}

TEST_F(MergeFiles, ThePlanSaysWhatHappensToEveryTensorAndWhy) {
  recipe_.exclude = {"visual.b*"};
  const MergePlan plan = plan_merge({recipe_}, {.threads = 2});
  std::map<std::string, std::string> roles;
  for (const PlannedTensor& tensor : plan.tensors) {
    roles[tensor.info.name] = tensor.role + ": " + tensor.reason;
  }
  EXPECT_EQ(roles.at("visual.proj"), "matrix: 2-D");
  EXPECT_EQ(roles.at("visual.bias"), "excluded: --exclude visual.b*");
  EXPECT_EQ(roles.at("text_projection"), "other: name contains text_projection");
  EXPECT_EQ(roles.at("ids"), "copied: int64");
  EXPECT_EQ(plan.bytes, 3u * (12 + 3 + 4) * sizeof(float) + 3u * 4 * sizeof(int64_t));
  EXPECT_GT(plan.memory, 0u);
  recipe_.average = {"visual.proj"};
  for (const PlannedTensor& tensor : plan_merge({recipe_}, {.threads = 2}).tensors) {
    if (tensor.info.name == "visual.proj") {
      EXPECT_EQ(tensor.role + ": " + tensor.reason, "other: --average visual.proj");
    }
  }
}

}  // namespace
}  // namespace isomerge
