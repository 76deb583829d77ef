// Fine-tuning of the mini T5 on a few lines of text.
#include <filesystem>

#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"
#include "train/finetune.h"

namespace isomerge {
namespace {

const std::filesystem::path kModel = std::filesystem::path(ISOMERGE_SOURCE_DIR) / "models/mini/t5";

class FinetuneTextTest : public testing::Test {
 protected:
  FinetuneTextTest() {
    std::string train, val;
    for (int i = 0; i < 24; ++i) {
      const std::string rest = R"(, "prompt": "Is )" + std::to_string(i) +
                               R"( even or odd?", "choices": ["even", "odd"], "answer": )" +
                               std::to_string(i % 2) + "}\n";
      train += R"({"split": "train")" + rest;
      if (i < 6) val += R"({"split": "val")" + rest;
    }
    task_ = {"parity",
             kModel / "model.pt",
             kModel / "base.safetensors",
             "",
             folder_.write("train.jsonl", train),
             folder_.write("val.jsonl", val),
             {},
             kModel / "spiece.model",
             64};
    recipe_.steps = 6;
    recipe_.batch = 40;  // two chunks, the last one short
    recipe_.learning_rate = 1e-3;
    recipe_.warmup = 1;
  }

  std::string expert(const std::string& name, int threads) {
    FinetuneSettings settings;
    settings.out = folder_ / (name + ".safetensors");
    settings.threads = threads;
    settings.save_every = 3;
    summary_ = finetune(task_, recipe_, settings);
    return TemporaryFolder::read(settings.out);
  }

  TemporaryFolder folder_;
  FinetuneTask task_;
  TrainingRecipe recipe_;
  FinetuneSummary summary_;
};

TEST_F(FinetuneTextTest, LowersTheLossTheSameForAnyNumberOfThreads) {
  const std::string one = expert("one", 1);
  const double loss = summary_.loss;
  EXPECT_EQ(summary_.after.total, 6);
  EXPECT_EQ(expert("two", 2), one);
  recipe_.steps = 3;
  recipe_.learning_rate = 1e-9;
  expert("none", 2);
  EXPECT_LT(loss, 0.8 * summary_.loss);
}

TEST_F(FinetuneTextTest, AnExpertHasTheTensorsOfTheBaseAndSaysWhatItIsOf) {
  expert("one", 2);
  const Checkpoint base(task_.base), got(folder_ / "one.safetensors");
  EXPECT_EQ(got.tensors().size(), base.tensors().size());
  for (const TensorInfo& info : base.tensors()) {
    EXPECT_EQ(got.require_info(info.name).dtype, info.dtype) << info.name;
  }
  EXPECT_TRUE(got.metadata().contains("isomerge.finetune.tokenizer"));
  EXPECT_EQ(got.metadata().at("isomerge.finetune.most_tokens"), "64");
}

TEST_F(FinetuneTextTest, RefusesMovesAndDataWithoutTheSplit) {
  recipe_.shift = 2;
  expect_mentions(error_message([&] { expert("one", 1); }), {"shift", "images"});
  recipe_.shift = 0;
  task_.training = folder_ / "val.jsonl";
  expect_mentions(error_message([&] { expert("one", 1); }), {"val.jsonl", "no split \"train\""});
}

}  // namespace
}  // namespace isomerge
