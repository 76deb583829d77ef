#include "train/finetune.h"

#include <filesystem>
#include <functional>

#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/progress.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "dataset/pack.h"
#include "eval/evaluate.h"
#include "support/expect_error.h"
#include "support/pack_file.h"
#include "support/script_module.h"
#include "support/tiny_task.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

class FinetuneTest : public testing::Test {
 protected:
  FinetuneTest() {
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
    settings_.out = files_ / "expert.safetensors";
    settings_.save_every = 20;
  }

  // Trains and returns the bytes of the expert.
  std::string expert(const std::string& name = "expert", int threads = 1) {
    settings_.out = files_ / (name + ".safetensors");
    settings_.threads = threads;
    summary_ = finetune(task_, recipe_, settings_);
    return TemporaryFolder::read(settings_.out);
  }

  std::string refusal() {
    const std::string message = error_message([&] { finetune(task_, recipe_, settings_); });
    expect_mentions(message, {"fine-tuning " + task_.name + ": "});
    EXPECT_FALSE(fs::exists(settings_.out));
    return message;
  }

  // Replaces a pack by one with this many classes, called c0, c1, ..., and images of one row.
  void write_pack(const std::string& name, const std::string& split, int classes,
                  int64_t width = 3) {
    PackFile pack;
    pack.height = 1, pack.width = width, pack.splits = {{split, {0, pack.count}}};
    pack.classes.clear();
    for (int i = 0; i < classes; ++i) pack.classes.push_back("c" + std::to_string(i));
    files_.write(name, pack.bytes());
  }

  // Keeps a copy of the state that is there when the log first says `moment`.
  void keep_state_at(const std::string& moment) {
    set_log_sink([this, moment](LogLevel, const std::string& text) {
      if (text.find(moment) != text.npos) {
        fs::copy_file(settings_.out.string() + ".state", files_ / "kept.safetensors.state");
      }
    });
  }

  ~FinetuneTest() override {
    set_log_sink({});
    set_progress_sink({});
  }

  TinyTask files_;
  FinetuneTask task_;
  TrainingRecipe recipe_;
  FinetuneSettings settings_;
  FinetuneSummary summary_;
};

TEST_F(FinetuneTest, LossFallsAndAccuracyRises) {
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, const std::string& text) { lines.push_back(text); });
  expert();
  EXPECT_LT(summary_.before.value(), 0.6);
  EXPECT_GE(summary_.after.value(), 0.95);
  EXPECT_EQ(summary_.after.total, 100);
  EXPECT_EQ(summary_.steps, 60);
  EXPECT_EQ(summary_.resumed_at, 0);
  ASSERT_EQ(lines.size(), 3u);
  std::vector<double> losses;
  for (const std::string& line : lines)
    losses.push_back(std::stod(line.substr(line.find("loss ") + 5)));
  EXPECT_LT(losses[1], losses[0]);
  EXPECT_LT(losses[2], losses[1]);
  EXPECT_NEAR(summary_.loss, losses[2], 1e-4);
  expect_mentions(lines[0], {"step 20 of 60: mean loss", "validation accuracy"});
}

TEST_F(FinetuneTest, TheSameRunGivesTheSameBytesForAnyNumberOfThreads) {
  const std::string one = expert("one", 1);
  EXPECT_EQ(expert("again", 1), one);
  EXPECT_EQ(expert("three", 3), one);
  recipe_.seed = 1;
  EXPECT_NE(expert("seed", 1), one);
}

TEST_F(FinetuneTest, GoesOnFromAStateToTheSameBytes) {
  for (const char* moment : {"step 20 of", "step 40 of", "step 60 of"}) {
    fs::remove(files_ / "kept.safetensors.state");
    keep_state_at(moment);
    const std::string whole = expert("whole");
    set_log_sink({});
    const double loss = summary_.loss;
    EXPECT_EQ(expert("kept"), whole) << moment;
    EXPECT_EQ(summary_.resumed_at, std::stoi(std::string(moment).substr(5)));
    EXPECT_EQ(summary_.loss, loss);
  }
}

TEST_F(FinetuneTest, RemovesItsStateAtTheEnd) {
  expert();
  EXPECT_FALSE(fs::exists(files_ / "expert.safetensors.state"));
}

TEST_F(FinetuneTest, AStateOfAnotherRunIsRefused) {
  keep_state_at("step 20 of");
  expert();
  set_log_sink({});
  settings_.out = files_ / "kept.safetensors";
  recipe_.learning_rate = 0.04;
  expect_mentions(refusal(), {"kept.safetensors.state: left by another run",
                              "recipe: expected steps=60/batch=40/lr=0.04/", "lr=0.05"});
  EXPECT_TRUE(fs::exists(files_ / "kept.safetensors.state"));
}

TEST_F(FinetuneTest, EveryInputIsPartOfTheRun) {
  keep_state_at("step 20 of");
  expert();
  set_log_sink({});
  settings_.out = files_ / "kept.safetensors";
  const auto restored = [&](const fs::path& file, const std::function<void()>& change) {
    const std::string bytes = TemporaryFolder::read(file);
    change();
    const std::string message = refusal();
    files_.write(file.filename().string(), bytes);
    return message;
  };
  const std::string other_head = restored(task_.heads, [&] {
    write_safetensors(task_.heads, {{"shapes", at::eye(3)}});
  });
  expect_mentions(other_head, {"another run than this one: head: expected "});
  const std::string other_base = restored(task_.base, [&] {
    Weights base = Checkpoint(task_.base).read_all();
    base.at("visual.bias").add_(1);
    write_safetensors(task_.base, base);
  });
  expect_mentions(other_base, {"another run than this one: base: expected "});
  const std::string other_encoder = restored(task_.module, [&] {
    linear_module(at::ones({9, 3}), at::ones({3})).save(task_.module);
  });
  expect_mentions(other_encoder, {"another run than this one: encoder: expected "});
  const std::string other_data = restored(task_.training, [&] {
    PackFile pack;
    pack.height = 1, pack.splits = {{"train", {0, 10}}};
    files_.write("train.pack", pack.bytes());
  });
  expect_mentions(other_data, {"another run than this one: training: expected "});
  task_.preprocessing.mean[1] = 0.25;
  expect_mentions(refusal(), {"normalisation: expected mean 0.5 0.25 0.5, std 0.3 0.3 0.3, got"});
}

TEST_F(FinetuneTest, TheExpertHasTheBasesTensorsAndSaysHowItWasMade) {
  expert();
  const Checkpoint base(task_.base), got(settings_.out);
  EXPECT_EQ(got.require_info("visual.proj").dtype, at::kHalf);
  EXPECT_EQ(got.require_info("visual.proj").shape, base.require_info("visual.proj").shape);
  EXPECT_EQ(got.tensors().size(), 2u);
  EXPECT_FALSE(at::equal(got.read("visual.bias"), base.read("visual.bias")));
  EXPECT_EQ(got.metadata().at("isomerge.content"), "expert");
  EXPECT_EQ(got.metadata().at("isomerge.finetune.task"), "shapes");
  EXPECT_EQ(got.metadata().at("isomerge.finetune.recipe"),
            "steps=60/batch=40/lr=0.05/weight_decay=0.01/warmup=5/clip=1/shift=0/seed=0");
  for (const char* key : {"base", "encoder", "head", "training", "normalisation", "device"}) {
    EXPECT_TRUE(got.metadata().contains(std::string("isomerge.finetune.") + key)) << key;
  }
  EXPECT_EQ(got.metadata().at("isomerge.finetune.training"), Pack(task_.training).checksum());
}

TEST_F(FinetuneTest, TheAccuracyIsThatOfTheFile) {
  recipe_.steps = 8;
  expert();
  Encoder encoder(task_.module);
  encoder.bind(Checkpoint(settings_.out).read_all(), "expert");
  EvaluationOptions options;
  options.preprocessing = task_.preprocessing;
  const ClassHead head(Checkpoint(task_.heads).read("shapes"), "head");
  EXPECT_EQ(evaluate(encoder, head, Pack(task_.validation), "val", options).accuracy,
            summary_.after);
}

TEST_F(FinetuneTest, WritesAnotherDtypeIfAsked) {
  settings_.dtype = at::kFloat;
  expert();
  EXPECT_EQ(Checkpoint(settings_.out).require_info("visual.proj").dtype, at::kFloat);
}

TEST_F(FinetuneTest, LeavesBuffersUnusedParametersAndWholeNumbersAsTheyAre) {
  ScriptModule module;
  module.parameters = {{"w", at::eye(3).set_requires_grad(true)},
                       {"unused", at::ones({2}).set_requires_grad(true)}};
  module.buffers = {{"scale", at::full({1}, 2.0f)}, {"order", at::full({1}, 7, at::kLong)}};
  module.methods =
      "def forward(self, images: Tensor):\n"
      "    return images[:, 0].flatten(1).matmul(self.w) * self.scale\n";
  module.save(task_.module);
  const Weights base = {{"w", at::eye(3).to(at::kHalf)},
                        {"unused", at::full({2}, 0.3f)},
                        {"scale", at::full({1}, 3.0f)},
                        {"order", at::full({1}, 5, at::kLong)}};
  write_safetensors(task_.base, base);
  expert();
  const Weights got = Checkpoint(settings_.out).read_all();
  ASSERT_EQ(got.size(), base.size());
  for (const auto& [name, tensor] : base) {
    EXPECT_EQ(got.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_EQ(at::equal(got.at(name), tensor), name != "w") << name;
  }
}

TEST_F(FinetuneTest, TrainsTheNamedParametersAlone) {
  keep_state_at("step 20 of");
  recipe_.trainable = {"*.bias"};
  const std::string bytes = expert();
  set_log_sink({});
  const Checkpoint base(task_.base), got(settings_.out);
  EXPECT_TRUE(at::equal(got.read("visual.proj"), base.read("visual.proj")));
  EXPECT_FALSE(at::equal(got.read("visual.bias"), base.read("visual.bias")));
  EXPECT_TRUE(got.metadata().at("isomerge.finetune.recipe").ends_with("/trainable=*.bias"));
  EXPECT_EQ(expert("kept"), bytes) << "from a state of these parameters alone";
  EXPECT_EQ(summary_.resumed_at, 20);
}

TEST_F(FinetuneTest, RefusesToTrainWhatIsNotThere) {
  recipe_.trainable = {"*.bias", "*.ia3_l"};
  expect_mentions(refusal(), {"trainable \"*.ia3_l\"", "no such parameter"});
}

TEST_F(FinetuneTest, NeverTouchesTheHeads) {
  const std::string before = TemporaryFolder::read(task_.heads);
  expert();
  EXPECT_EQ(TemporaryFolder::read(task_.heads), before);
}

TEST_F(FinetuneTest, EpochsAreCountedInTrainingImages) {
  recipe_.steps.reset();
  recipe_.epochs = 2;  // 400 examples in batches of 40
  expert();
  EXPECT_EQ(summary_.steps, 10);
}

TEST_F(FinetuneTest, ReportsItsProgressWithTheLoss) {
  std::vector<std::string> details;
  std::vector<double> fractions;
  set_progress_sink([&](const ProgressState& state) {
    EXPECT_EQ(state.title, "fine-tuning shapes");
    details.push_back(state.detail);
    fractions.push_back(state.fraction);
  });
  recipe_.steps = 30;
  expert();
  ASSERT_EQ(details.size(), 32u);  // start, 30 steps, end
  expect_mentions(details[1], {"step 1, loss "});
  expect_mentions(details[25], {"step 25, loss ", "validation accuracy "});
  EXPECT_DOUBLE_EQ(fractions[15], 0.5);
}

TEST_F(FinetuneTest, RefusesHeadsAndPacksThatDoNotFit) {
  write_pack("train.pack", "train", 4);
  expect_mentions(refusal(), {"heads.safetensors: shapes: expected 4 rows", "train.pack", "got 3"});
  write_pack("train.pack", "train", 3);
  expect_mentions(refusal(), {"train.pack", "data.pack", "class 0 is \"c0\"", "\"disc\""});
  write_pack("data.pack", "val", 3, 5);
  expect_mentions(refusal(), {"images of 1 x 3 and of 1 x 5 pixels"});
  write_pack("data.pack", "test", 3);
  expect_mentions(refusal(), {"data.pack: no split \"val\""});
  write_pack("train.pack", "val", 3);
  expect_mentions(refusal(), {"train.pack: no split \"train\""});
  write_pack("data.pack", "val", 5);
  write_pack("train.pack", "train", 3);
  expect_mentions(refusal(), {"expected 5 rows", "data.pack", "got 3"});
  task_.name = "circles";
  expect_mentions(refusal(), {"heads.safetensors", "circles"});
}

TEST_F(FinetuneTest, RefusesADamagedTrainingPack) {
  std::string bytes = TemporaryFolder::read(task_.training);
  bytes[bytes.size() - 500] ^= 1;  // in an image
  files_.write("train.pack", bytes);
  expect_mentions(refusal(), {"train.pack: expected checksum"});
}

TEST_F(FinetuneTest, RefusesABaseThatIsNotTheEncoders) {
  write_safetensors(task_.base, {{"visual.proj", at::eye(3)}});
  expect_mentions(refusal(), {"base.safetensors", "visual.bias"});
}

TEST_F(FinetuneTest, RefusesOutputsThatAreNoExpertOrAnInput) {
  settings_.out = files_ / "expert.pt";
  expect_mentions(refusal(), {"expert.pt: an expert is one file; name it *.safetensors"});
  settings_.out = files_ / "none/expert.safetensors";
  files_.write("none", "a file");
  EXPECT_THROW(finetune(task_, recipe_, settings_), Error);
  for (const char* input : {"base.safetensors", "heads.safetensors"}) {
    settings_.out = files_ / input;
    const std::string before = TemporaryFolder::read(settings_.out);
    expect_mentions(error_message([&] { finetune(task_, recipe_, settings_); }),
                    {"would replace the input"});
    EXPECT_EQ(TemporaryFolder::read(settings_.out), before);
  }
}

TEST_F(FinetuneTest, RefusesNumbersThatMakeNoSenseBeforeItReadsAnything) {
  task_.module = "missing.pt";
  recipe_.learning_rate = 0.0;
  expect_mentions(refusal(), {"lr: expected a number above 0"});
  recipe_.learning_rate = 0.1;
  settings_.save_every = 0;
  expect_mentions(refusal(), {"at least 1 step between states"});
  settings_.save_every = 1;
  settings_.threads = 0;
  expect_mentions(refusal(), {"1 thread"});
}

TEST_F(FinetuneTest, SaysAtWhichStepItDivergedAndWritesNothing) {
  recipe_.warmup = 0;
  recipe_.learning_rate = 1e30;  // after one step the features are beyond fp32
  expect_mentions(refusal(), {"step 2: ", "heads.safetensors: shapes: feature 0"});
  recipe_.learning_rate = 1e300;
  expect_mentions(refusal(), {"step 1: updating the parameters: "});
  EXPECT_FALSE(fs::exists(settings_.out.string() + ".state"));
}

}  // namespace
}  // namespace isomerge
