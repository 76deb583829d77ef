#include "store/lambda_search.h"

#include <gtest/gtest.h>

#include "store/example_run.h"

namespace isomerge {
namespace {

const std::vector<double> kGrid = {0.2, 0.3, 0.4};

// Of ten answers; -1: the trial failed; -2: it is missing.
constexpr int kFailed = -1, kMissing = -2;

FoundRecord trial(int correct) {
  if (correct == kMissing) return {};
  if (correct == kFailed) return failed_record(example_run(), "x");
  Outcomes outcomes(10);
  for (int i = 0; i < correct; ++i) outcomes[static_cast<size_t>(i)] = 1.0f;
  return done_record(example_run(), outcomes);
}

// What the trials of "a" and "b" come to, by position in the grid.
LambdaSearch search(const std::vector<int>& a, const std::vector<int>& b) {
  return search_lambdas({"a", "b"}, kGrid, [&](size_t index, const std::string& task) {
    return trial(task == "a" ? a[index] : b[index]);
  });
}

TEST(LambdaSearch, TakesTheBestLambdaOfEachTask) {
  const LambdaSearch found = search({3, 5, 4}, {7, 1, 8});
  EXPECT_EQ(found.lambdas, (std::map<std::string, double>{{"a", 0.3}, {"b", 0.4}}));
  EXPECT_EQ(found.trials, 6);
  EXPECT_EQ(found.missing + found.failed, 0);
}

TEST(LambdaSearch, TakesTheFirstOfEqualOnes) {
  EXPECT_EQ(search({5, 5, 5}, {1, 6, 6}).lambdas,
            (std::map<std::string, double>{{"a", 0.2}, {"b", 0.3}}));
}

// A later start may still find a better one.
TEST(LambdaSearch, GivesNoLambdaWhileATrialOfTheTaskIsMissing) {
  const LambdaSearch found = search({9, kMissing, 9}, {1, 2, 3});
  EXPECT_EQ(found.lambdas, (std::map<std::string, double>{{"b", 0.4}}));
  EXPECT_EQ(found.missing, 1);
  EXPECT_TRUE(found.hopeless.empty());
}

TEST(LambdaSearch, PassesOverFailedTrials) {
  const LambdaSearch found = search({kFailed, 5, 4}, {1, 2, kFailed});
  EXPECT_EQ(found.lambdas, (std::map<std::string, double>{{"a", 0.3}, {"b", 0.3}}));
  EXPECT_EQ(found.failed, 2);
  EXPECT_TRUE(found.hopeless.empty());
}

TEST(LambdaSearch, NamesTasksWhoseTrialsAllFailed) {
  const LambdaSearch found = search({0, 0, 0}, {kFailed, kFailed, kFailed});
  EXPECT_EQ(found.lambdas, (std::map<std::string, double>{{"a", 0.2}}));
  EXPECT_EQ(found.hopeless, std::vector<std::string>{"b"});
  EXPECT_EQ(search({kFailed, kFailed, kMissing}, {1, 1, 1}).hopeless, std::vector<std::string>{})
      << "the missing one may not fail";
}

}  // namespace
}  // namespace isomerge
