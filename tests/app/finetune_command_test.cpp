// isomerge finetune as its own process: what it takes, what it says, and what a kill costs.
#include <filesystem>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "support/expect_error.h"
#include "support/program.h"
#include "support/tiny_task.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

class FinetuneCommand : public ::testing::Test {
 protected:
  FinetuneCommand() { suite_ = files_.write_suite(kRecipe).string(); }

  std::string path(const std::string& name) const { return (files_ / name).string(); }

  std::vector<std::string> words(const std::vector<std::string>& more,
                                 const std::string& out = "expert") const {
    std::vector<std::string> all{"finetune",  suite_,  "--task",
                                 "shapes",    "--out", path(out + ".safetensors"),
                                 "--threads", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  std::string recipe_of(const std::string& out) const {
    return Checkpoint(path(out + ".safetensors")).metadata().at("isomerge.finetune.recipe");
  }

  // The message of a run that exits with 2 and leaves nothing.
  std::string refusal(const std::vector<std::string>& all) const {
    const ProgramResult result = run_isomerge(all);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_FALSE(fs::exists(path("expert.safetensors")));
    return result.err;
  }

  // Starts a run of `steps` steps, waits for the first state after `wait` more, and sends a signal.
  ProgramResult disturb(const std::string& signal, const std::string& steps) const {
    std::string command = "\"$ISOMERGE\"";
    for (const auto& word : words({"--quiet", "--steps", steps, "--save-every", "5"})) {
      command += " '" + word + "'";
    }
    return run_shell(command + " & pid=$!; for i in $(seq 3000); do [ -e '" +
                     path("expert.safetensors.state") + "' ] && break; sleep 0.01; done; kill -" +
                     signal + " $pid; wait $pid");
  }

  // What is left after a signal leads to the bytes of a run that nobody disturbed.
  void expect_resumes(const std::string& steps) {
    EXPECT_TRUE(fs::exists(path("expert.safetensors.state")));
    EXPECT_FALSE(fs::exists(path("expert.safetensors")));
    const ProgramResult resumed = run_isomerge(words({"--json", "--steps", steps}));
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    expect_mentions(resumed.err, {"expert.safetensors.state: continuing after step "});
    EXPECT_GT(nlohmann::json::parse(resumed.out).at("resumed_at"), 0);
    EXPECT_FALSE(fs::exists(path("expert.safetensors.state")));
    ASSERT_EQ(run_isomerge(words({"--quiet", "--steps", steps}, "whole")).exit_code, 0);
    EXPECT_EQ(TemporaryFolder::read(path("expert.safetensors")),
              TemporaryFolder::read(path("whole.safetensors")));
  }

  static constexpr const char* kRecipe =
      R"({"steps": 50, "batch": 40, "lr": 0.05, "warmup": 5, "weight_decay": 0.02, "clip": 2,
          "shift": 1, "seed": 4})";
  // Long enough for a signal to come in time.
  static constexpr const char* kLong = "1000";
  TinyTask files_;
  std::string suite_;
};

TEST_F(FinetuneCommand, TrainsWithTheSuitesRecipeAndSaysHowWellItDid) {
  const ProgramResult result = run_isomerge(words({"--save-every", "25"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  expect_mentions(result.out,
                  {"expert.safetensors: 50 steps, loss ", "validation accuracy ", " % (base: "});
  expect_mentions(result.err, {"step 25 of 50: mean loss ", "step 50 of 50"});
  EXPECT_EQ(recipe_of("expert"),
            "steps=50/batch=40/lr=0.05/weight_decay=0.02/warmup=5/clip=2/shift=1/seed=4");
}

TEST_F(FinetuneCommand, FlagsReplaceTheSuitesRecipe) {
  const ProgramResult result = run_isomerge(
      words({"--quiet", "--json", "--epochs", "2", "--batch", "30", "--lr", "0.01", "--warmup", "3",
             "--weight-decay", "0", "--clip", "0.5", "--shift", "0", "--seed", "6"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(recipe_of("expert"),  // 2 times 200 images in batches of 30
            "steps=14/batch=30/lr=0.01/weight_decay=0/warmup=3/clip=0.5/shift=0/seed=6");
  const auto summary = nlohmann::json::parse(result.out);
  EXPECT_EQ(summary.at("out"), path("expert.safetensors"));
  EXPECT_EQ(summary.at("steps"), 14);
  EXPECT_EQ(summary.at("resumed_at"), 0);
  EXPECT_EQ(summary.at("validation_examples"), 100);
  EXPECT_GT(summary.at("expert_accuracy"), summary.at("base_accuracy"));
}

TEST_F(FinetuneCommand, TakesTheTrainingPackAndTheDtypeFromFlags) {
  const std::vector<std::string> all{"finetune",
                                     suite_,
                                     "--quiet",
                                     "--task",
                                     "bare",
                                     "--out",
                                     path("bare.safetensors"),
                                     "--data",
                                     path("train.pack"),
                                     "--dtype",
                                     "fp32"};
  const ProgramResult result = run_isomerge(all);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Checkpoint(path("bare.safetensors")).require_info("visual.proj").dtype, at::kFloat);
}

TEST_F(FinetuneCommand, AKillAndANewStartGiveTheBytesOfAnUndisturbedRun) {
  EXPECT_EQ(disturb("KILL", kLong).exit_code, 128 + 9);
  expect_resumes(kLong);
}

TEST_F(FinetuneCommand, ASignalSavesTheStateAndExitsWith75) {
  for (const char* signal : {"INT", "TERM"}) {
    const ProgramResult stopped = disturb(signal, kLong);
    EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
    expect_mentions(stopped.err, {"fine-tuning shapes: interrupted"});
    expect_resumes(kLong);
    fs::remove(path("expert.safetensors"));
  }
}

TEST_F(FinetuneCommand, RefusesTheStateOfAnotherRun) {
  disturb("KILL", kLong);
  expect_mentions(refusal(words({"--quiet", "--steps", kLong, "--seed", "5"})),
                  {"expert.safetensors.state: left by another run", "seed=5", "seed=4"});
}

TEST_F(FinetuneCommand, SaysWhatIsWrongInOneLine) {
  expect_mentions(refusal(words({"--steps", "3", "--epochs", "3"})),
                  {"expected either steps or epochs, got both"});
  expect_mentions(refusal(words({"--lr", "0"})), {"lr: expected a number above 0, got 0"});
  expect_mentions(refusal(words({"--lr=-1"})), {"lr: expected a number above 0, got -1"});
  expect_mentions(refusal(words({"--steps", "2.5"})),
                  {"--steps: expected a whole number, got 2.5"});
  expect_mentions(refusal(words({"--batch", "1e300"})), {"--batch: expected a whole number"});
  expect_mentions(refusal(words({"--steps", "3"})), {"warmup: expected at most the 3 steps"});
  expect_mentions(refusal(words({"--dtype", "fp8"})), {"fp8"});
  const std::string out = path("expert.safetensors");
  expect_mentions(refusal({"finetune", suite_, "--task", "shape", "--out", out}),
                  {"unknown task \"shape\" (nearest: \"shapes\")"});
  expect_mentions(refusal({"finetune", suite_, "--task", "bare", "--out", out}),
                  {"suite.json: task \"bare\" names no training data", "--data"});
  expect_mentions(refusal({"finetune", suite_, "--task", "unbuilt", "--out", out}),
                  {"no.pack: no such file", "\"unbuilt\"", "--data"});
  expect_mentions(refusal({"finetune", suite_, "--task", "shapes"}), {"--out is missing"});
  expect_mentions(refusal({"finetune", suite_, "--out", out}), {"--task is missing"});
}

TEST_F(FinetuneCommand, NeedsStepsOrEpochsFromSomewhere) {
  suite_ = files_.write_suite("{}").string();
  expect_mentions(refusal(words({})), {"expected either steps or epochs, got neither"});
}

TEST_F(FinetuneCommand, WithARankItWritesAnAdapter) {
  files_.use_linear_layers();
  const auto lora = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all{"finetune",    suite_,      "--task", "shapes",  "--out",
                                 path("lora/"), "--threads", "1",      "--steps", "40",
                                 "--shift",     "0",         "--lora", "2"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  expect_mentions(refusal(lora({"--lora-targets", "*q_proj*"})), {"lora target \"*q_proj*\""});
  expect_mentions(refusal(lora({"--lora-alpha", "0"})), {"lora_alpha: expected a number above 0"});
  expect_mentions(refusal(words({"--lora", "2"})), {"an adapter, which is a folder"});
  const ProgramResult result = run_isomerge(
      lora({"--lora-alpha", "4", "--lora-targets", "fir*", "--dtype", "fp16", "--json"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto summary = nlohmann::json::parse(result.out);
  EXPECT_EQ(summary.at("out"), path("lora/"));
  EXPECT_GT(summary.at("expert_accuracy"), summary.at("base_accuracy"));
  const Checkpoint adapter(path("lora/adapter_model.safetensors"));
  ASSERT_EQ(adapter.tensors().size(), 2u);
  EXPECT_EQ(adapter.require_info("base_model.model.first.lora_A.weight").dtype, at::kHalf);
  expect_mentions(adapter.metadata().at("isomerge.finetune.recipe"),
                  {"/lora=2/lora_alpha=4/lora_targets=fir*"});
  EXPECT_TRUE(fs::exists(path("lora/adapter_config.json")));
  EXPECT_FALSE(fs::exists(path("lora.state")));
}

}  // namespace
}  // namespace isomerge
