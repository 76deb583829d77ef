#include <filesystem>
#include <map>

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "dataset/pack.h"
#include "eval/evaluate.h"
#include "support/expect_error.h"
#include "support/tiny_task.h"
#include "train/finetune.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

class FinetuneLora : public testing::Test {
 protected:
  FinetuneLora() {
    task_ = {"shapes",
             files_ / "encoder.pt",
             files_ / "base.safetensors",
             files_ / "heads.safetensors",
             files_ / "train.pack",
             files_ / "data.pack",
             {0, 0, {0.5, 0.5, 0.5}, {0.3, 0.3, 0.3}},
             /*tokenizer=*/""};
    recipe_.steps = 60;
    recipe_.batch = 40;  // three chunks, the last one short
    recipe_.learning_rate = 0.05;
    recipe_.warmup = 5;
    recipe_.optimizer.weight_decay = 0.01;
    recipe_.lora.rank = 2;
    settings_.save_every = 20;
    settings_.out = files_ / "expert/";
  }

  ~FinetuneLora() override { set_log_sink({}); }

  // Trains and returns the bytes of the adapter, its configuration among them.
  std::string expert(const std::string& name = "expert", int threads = 1) {
    settings_.out = files_ / (name + "/");
    settings_.threads = threads;
    summary_ = finetune(task_, recipe_, settings_);
    return TemporaryFolder::read(settings_.out / "adapter_model.safetensors") +
           TemporaryFolder::read(settings_.out / "adapter_config.json");
  }

  Checkpoint adapter() const { return Checkpoint(settings_.out / "adapter_model.safetensors"); }

  // base + B A of the adapter.
  Weights merged() const {
    Weights weights = base_;
    for (const char* layer : {"first", "second"}) {
      const std::string key = std::string("base_model.model.") + layer;
      if (!adapter().contains(key + ".lora_B.weight")) continue;
      at::Tensor& weight = weights.at(std::string(layer) + ".weight");
      weight = weight.add(adapter()
                              .read(key + ".lora_B.weight")
                              .to(at::kFloat)
                              .matmul(adapter().read(key + ".lora_A.weight").to(at::kFloat)));
    }
    return weights;
  }

  std::string refusal() {
    const std::string message = error_message([&] { finetune(task_, recipe_, settings_); });
    EXPECT_FALSE(fs::exists(files_ / "expert"));
    return message;
  }

  TinyTask files_;
  const Weights base_ = files_.use_linear_layers();
  FinetuneTask task_;
  TrainingRecipe recipe_;
  FinetuneSettings settings_;
  FinetuneSummary summary_;
};

TEST_F(FinetuneLora, LearnsByFactorsAlone) {
  expert();
  EXPECT_LT(summary_.before.value(), 0.7);
  EXPECT_GE(summary_.after.value(), 0.9);
  EXPECT_EQ(adapter().tensors().size(), 4u);
  EXPECT_EQ(adapter().tensors()[0].dtype, at::kFloat);
}

// Runs whose experts answer an example otherwise once their factors are rounded to bf16.
TEST_F(FinetuneLora, TheAccuracyIsThatOfTheAdapterAsWritten) {
  Encoder encoder(task_.module);
  EvaluationOptions options;
  options.preprocessing = task_.preprocessing;
  const ClassHead head(Checkpoint(task_.heads).read("shapes"), "head");
  settings_.dtype = at::kBFloat16;
  for (const auto& [steps, rate] :
       std::map<int64_t, double>{{9, 0.5}, {18, 0.5}, {20, 0.05}, {22, 0.15}}) {
    recipe_.steps = steps;
    recipe_.learning_rate = rate;
    expert();
    encoder.bind(merged(), "base and adapter");
    EXPECT_EQ(evaluate(encoder, head, Pack(task_.validation), "val", options).accuracy,
              summary_.after)
        << steps;
  }
}

TEST_F(FinetuneLora, TheAdapterSaysHowItWasMade) {
  recipe_.lora.alpha = 4.0;
  recipe_.lora.targets = {"first*"};
  expert();
  EXPECT_EQ(adapter().tensors().size(), 2u);
  EXPECT_EQ(adapter().metadata().at("isomerge.content"), "expert");
  EXPECT_EQ(adapter().metadata().at("isomerge.finetune.recipe"),
            "steps=60/batch=40/lr=0.05/weight_decay=0.01/warmup=5/clip=1/shift=0/seed=0"
            "/lora=2/lora_alpha=4/lora_targets=first*");
  expect_mentions(TemporaryFolder::read(settings_.out / "README.md"),
                  {"library_name: peft", "# expert", "base.safetensors", "task shapes", "lora=2"});
  expect_mentions(
      TemporaryFolder::read(settings_.out / "adapter_config.json"),
      {"\"base_model_name_or_path\": \"base.safetensors\"", "\"r\": 2", "\"lora_alpha\": 2"});
}

TEST_F(FinetuneLora, AHigherAlphaMakesLargerUpdates) {
  recipe_.steps = 5;
  recipe_.warmup = 1;
  expert("two");
  const at::Tensor b = adapter().read("base_model.model.first.lora_B.weight");
  recipe_.lora.alpha = 20.0;
  expert("twenty");
  EXPECT_GT(adapter().read("base_model.model.first.lora_B.weight").norm().item<double>(),
            2.0 * b.norm().item<double>());
}

TEST_F(FinetuneLora, TheSameRunGivesTheSameBytesForAnyNumberOfThreads) {
  const std::string one = expert("one", 1);
  const Weights first = adapter().read_all();
  EXPECT_EQ(expert("three", 3), one);
  recipe_.seed = 1;
  expert("seed", 1);
  for (const auto& [name, tensor] : adapter().read_all()) {
    EXPECT_FALSE(at::equal(tensor, first.at(name))) << name;
  }
}

TEST_F(FinetuneLora, GoesOnFromAStateToTheSameBytes) {
  for (const std::string moment : {"step 20 of", "step 40 of", "step 60 of"}) {
    fs::remove(files_ / "kept.state");
    set_log_sink([&](LogLevel, const std::string& text) {
      if (text.find(moment) != text.npos)
        fs::copy_file(files_ / "whole.state", files_ / "kept.state");
    });
    const std::string whole = expert("whole");
    set_log_sink({});
    EXPECT_EQ(expert("kept"), whole) << moment;
    EXPECT_EQ(summary_.resumed_at, std::stoi(moment.substr(5)));
    EXPECT_FALSE(fs::exists(files_ / "kept.state"));
  }
}

TEST_F(FinetuneLora, AStateOfAnotherRankIsRefused) {
  set_log_sink([&](LogLevel, const std::string& text) {
    if (text.find("step 20 of") != text.npos) {
      fs::copy_file(files_ / "whole.state", files_ / "expert.state");
    }
  });
  expert("whole");
  set_log_sink({});
  settings_.out = files_ / "expert/";
  recipe_.lora.rank = 3;
  expect_mentions(refusal(), {"expert.state: left by another run", "lora=3"});
}

TEST_F(FinetuneLora, NeverReplacesItsBase) {
  const fs::path base = files_ / "adapter_model.safetensors";
  fs::rename(task_.base, base);
  task_.base = base;
  settings_.out = files_.folder();
  const std::string bytes = TemporaryFolder::read(base);
  expect_mentions(refusal(), {"the adapter would replace the input", "adapter_model.safetensors"});
  EXPECT_EQ(TemporaryFolder::read(base), bytes);
}

TEST_F(FinetuneLora, RefusesWhatMakesNoSense) {
  recipe_.lora.targets = {"first.bias"};
  expect_mentions(refusal(), {"fine-tuning shapes: lora target \"first.bias\"", "first.bias [8]"});
  recipe_.lora.targets = {};
  recipe_.lora.rank = 4;
  expect_mentions(refusal(), {"second.weight [3, 8] has rank 3 at most, got 4"});
  recipe_.lora.rank = 2;
  recipe_.trainable = {"*"};
  expect_mentions(refusal(), {"trainable: LoRA trains its factors alone"});
  recipe_.trainable = {};
  settings_.out = files_ / "expert.safetensors";
  expect_mentions(refusal(), {"expert.safetensors: LoRA gives an adapter, which is a folder"});
  EXPECT_FALSE(fs::exists(settings_.out));
  settings_.out = files_ / "expert/";
  recipe_.lora.rank = 0;
  expect_mentions(refusal(), {"an expert is one file"});
}

}  // namespace
}  // namespace isomerge
