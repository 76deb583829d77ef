#include "eval/objective.h"

#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "support/random_tensors.h"

namespace isomerge {
namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(ISOMERGE_SOURCE_DIR) / "tests/golden/t5";

class TextObjectiveTest : public testing::Test {
 protected:
  TextObjectiveTest() {
    split_.prompts = {{5, 6, 1}, {7, 8, 9, 10, 11, 1}, {12, 1}, {13, 14, 15, 1}};
    split_.targets = {{20, 1}, {21, 22, 23, 1}, {24, 25, 1}, {26, 1}};
  }

  const LanguageModel model_{kFolder / "v1_1_untied.pt"};
  TokenizedSplit split_;
};

TEST_F(TextObjectiveTest, IsTheMeanOverTheTokensOfTheBatch) {
  const TextObjective objective(model_, split_);
  const std::vector<Example> all = {{0}, {1}, {2}, {3}};
  EXPECT_EQ(objective.weight(all), 11.0);
  double sum = 0.0;
  for (const Example& one : all) {
    const size_t i = static_cast<size_t>(one.index);
    const double mean =
        model_.loss_for_training(pad_rows({split_.prompts[i]}), pad_rows({split_.targets[i]}))
            .item<double>();
    sum += mean * static_cast<double>(split_.targets[i].size());
  }
  EXPECT_NEAR(objective.summed_loss(all).item<double>() / sum, 1.0, 1e-5);
}

TEST_F(TextObjectiveTest, ABatchIsCutIntoChunksOfLikeLength) {
  const TextObjective objective(model_, split_);
  std::vector<Example> examples = {{0}, {1}, {2}, {3}, {1}};
  objective.arrange(&examples);
  std::vector<int64_t> order;
  for (const Example& example : examples) order.push_back(example.index);
  EXPECT_EQ(order, (std::vector<int64_t>{1, 1, 3, 0, 2}));
}

}  // namespace
}  // namespace isomerge
