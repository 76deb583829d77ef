// The shipped mini suite keeps its promises, measured on the shipped files.
#include <gtest/gtest.h>

#include "config/suite.h"
#include "dataset/pack.h"
#include "experiment/suite_evaluator.h"
#include "metric/accuracy.h"

namespace isomerge {
namespace {

class MiniSuite : public ::testing::Test {
 protected:
  // Zero-shot and expert accuracy of every task, on test.
  static void SetUpTestSuite() {
    suite_ = read_suite(std::string(ISOMERGE_SOURCE_DIR) + "/experiments/suites/mini_vision.json");
    const auto evaluator = open_suite_evaluator(suite_, task_names(suite_), /*threads=*/2);
    evaluator->bind(Checkpoint(suite_.base).read_all(), "base");
    for (const Task& task : suite_.tasks) {
      zero_shot_.push_back(evaluator->evaluate(task.name, "test").accuracy);
    }
    for (const Task& task : suite_.tasks) {
      evaluator->bind(Checkpoint(task.expert).read_all(), task.name);
      experts_.push_back(evaluator->evaluate(task.name, "test").accuracy);
    }
  }

  static inline Suite suite_;
  static inline std::vector<Accuracy> zero_shot_, experts_;
};

TEST_F(MiniSuite, ExpertsAverageAtLeastNinetyPercent) { EXPECT_GE(mean_accuracy(experts_), 0.90); }

TEST_F(MiniSuite, ZeroShotAveragesBetweenTwentyAndSixtyFivePercent) {
  EXPECT_GE(mean_accuracy(zero_shot_), 0.20);
  EXPECT_LE(mean_accuracy(zero_shot_), 0.65);
}

TEST_F(MiniSuite, EveryExpertIsAtLeastTenPointsAboveZeroShot) {
  for (size_t t = 0; t < suite_.tasks.size(); ++t) {
    EXPECT_GE(experts_[t].value() - zero_shot_[t].value(), 0.10) << suite_.tasks[t].name;
  }
}

TEST_F(MiniSuite, HasTwentyTasksWithValidationAndTestImages) {
  EXPECT_EQ(suite_.tasks.size(), 20u);
  for (const Task& task : suite_.tasks) {
    const Pack pack(task.data);
    EXPECT_NO_THROW(pack.verify()) << task.name;
    EXPECT_GE(pack.require_split("val").size(), 100) << task.name;
    EXPECT_GE(pack.require_split("test").size(), 600) << task.name;
  }
}

}  // namespace
}  // namespace isomerge
