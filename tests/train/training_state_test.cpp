#include "train/training_state.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/scalar_tensor.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

class TrainingStateTest : public testing::Test {
 protected:
  const RunIdentity run_ = {{"recipe", "steps=8/lr=0.1"}, {"task", "shapes"}};
  const TrainingState state_{7,
                             0.1 + 0.2,
                             {{"a.w", random_tensor({3, 4}, 1).to(at::kFloat)}},
                             {{"exp_avg/a.w", random_tensor({3, 4}, 2).to(at::kFloat)},
                              {"updates/a.w", at::scalar_tensor(7, at::kLong)}}};
  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "x.state";
};

TEST_F(TrainingStateTest, ComesBackAsItWasWritten) {
  write_training_state(path_, state_, run_);
  const auto back = find_training_state(path_, run_);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->step, 7);
  EXPECT_EQ(back->loss, 0.1 + 0.2);
  ASSERT_EQ(back->parameters.size(), 1u);
  ASSERT_EQ(back->optimizer.size(), 2u);
  EXPECT_TRUE(at::equal(back->parameters.at("a.w"), state_.parameters.at("a.w")));
  EXPECT_TRUE(at::equal(back->optimizer.at("exp_avg/a.w"), state_.optimizer.at("exp_avg/a.w")));
  EXPECT_EQ(back->optimizer.at("updates/a.w").item<int64_t>(), 7);
}

TEST_F(TrainingStateTest, IsNothingWhereThereIsNoFile) {
  EXPECT_FALSE(find_training_state(path_, run_).has_value());
}

TEST_F(TrainingStateTest, OfAnotherRunIsRefusedWithEveryDifference) {
  write_training_state(path_, state_, run_);
  const RunIdentity other = {{"recipe", "steps=9/lr=0.1"}, {"task", "shapes"}, {"base", "00ff"}};
  const std::string message = error_message([&] { find_training_state(path_, other); });
  expect_mentions(message, {"x.state: left by another run", "base: expected 00ff, got nothing",
                            "recipe: expected steps=9/lr=0.1, got steps=8/lr=0.1",
                            "delete the file to start anew"});
  EXPECT_EQ(message.find("task"), std::string::npos);
}

TEST_F(TrainingStateTest, ThatIsDamagedIsRefused) {
  write_training_state(path_, state_, run_);
  std::string bytes = TemporaryFolder::read(path_);
  bytes[bytes.size() - 30] ^= 1;
  folder_.write("x.state", bytes);
  expect_mentions(error_message([&] { find_training_state(path_, run_); }), {"x.state: damaged"});
  folder_.write("x.state", bytes.substr(0, 100));
  expect_mentions(error_message([&] { find_training_state(path_, run_); }), {"x.state"});
  // A file of the right run with the right hash, but without the number of its step.
  write_safetensors(path_, {},
                    {{"isomerge.finetune.hash", "99aa06d3014798d86001c324468d497f"},
                     {"isomerge.finetune.recipe", "steps=8/lr=0.1"},
                     {"isomerge.finetune.task", "shapes"}});
  expect_mentions(error_message([&] { find_training_state(path_, run_); }),
                  {"step: expected a number, got nothing"});
}

}  // namespace
}  // namespace isomerge
