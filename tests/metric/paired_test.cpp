#include "metric/paired.h"

#include <cmath>

#include <gtest/gtest.h>

#include "metric/quantile.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

TEST(Quantile, IsLinearBetweenNeighbours) {
  EXPECT_DOUBLE_EQ(quantile({1, 2, 4}, 0.0), 1.0);
  EXPECT_DOUBLE_EQ(quantile({1, 2, 4}, 0.5), 2.0);
  EXPECT_DOUBLE_EQ(quantile({1, 2, 4}, 0.75), 3.0);
  EXPECT_DOUBLE_EQ(quantile({1, 2, 4}, 1.0), 4.0);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.3), 7.0);
  expect_mentions(error_message([] { quantile({}, 0.5); }, Fault::kInternal), {"no values"});
}

TEST(Quantile, TheMiddleLeavesTheOuterFivePercentOut) {
  std::vector<double> values;
  for (int i = 1000; i >= 0; --i) values.push_back(i);  // in any order
  EXPECT_DOUBLE_EQ(middle_95(values).low, 25.0);
  EXPECT_DOUBLE_EQ(middle_95(values).high, 975.0);
}

// Examples that the first, or the second alone gets right, of a task with so many.
PairedCounts pairs(int64_t only_first, int64_t only_second, int64_t total) {
  PairedCounts counts{{}, total};
  if (only_first > 0) counts.differing[1.0f] = only_first;
  if (only_second > 0) counts.differing[-1.0f] = only_second;
  return counts;
}

TEST(PairedCounts, CountWhatOneAloneGetsRight) {
  const PairedCounts counts = count_pairs({1, 1, 0, 0, 1}, {1, 0, 1, 0, 0});
  EXPECT_EQ(counts, pairs(2, 1, 5));
  expect_mentions(error_message([] { count_pairs({1}, {}); }, Fault::kInternal), {"1 and 0"});
}

TEST(PairedCounts, CountEveryDifferenceOfAnswersThatAreRightInPart) {
  const PairedCounts counts = count_pairs({1, 0.5f, 0.25f, 0.5f, 0}, {0.5f, 1, 0.25f, 0, 0.75f});
  EXPECT_EQ(counts, (PairedCounts{{{0.5f, 2}, {-0.5f, 1}, {-0.75f, 1}}, 5}));
}

// The variance of the mean of differences d is (mean(d^2) - mean(d)^2) / n.
TEST(PairedDifference, HasTheIntervalOfLargeSamplesWithAnswersThatAreRightInPart) {
  const Difference difference =
      paired_difference({{{{1.0f, 100}, {0.5f, 200}, {-0.25f, 160}, {-0.5f, 40}}, 1000}});
  EXPECT_NEAR(difference.value, 0.14, 1e-12);
  const double deviation = std::sqrt((0.17 - 0.14 * 0.14) / 1000.0);
  EXPECT_NEAR(difference.interval.low, 0.14 - kZ95 * deviation, 0.002);
  EXPECT_NEAR(difference.interval.high, 0.14 + kZ95 * deviation, 0.002);
}

// The bootstrap of a difference of proportions has the variance (b + c - (b - c)^2 / n) / n^2; with
// a thousand examples its percentiles are those of a normal distribution, to a few percent.
TEST(PairedDifference, HasTheIntervalOfLargeSamples) {
  const Difference difference = paired_difference({pairs(120, 80, 1000)});
  EXPECT_DOUBLE_EQ(difference.value, 0.04);
  const double deviation = std::sqrt((200.0 - 40.0 * 40.0 / 1000.0) / 1e6);
  EXPECT_NEAR(difference.interval.low, 0.04 - kZ95 * deviation, 0.002);
  EXPECT_NEAR(difference.interval.high, 0.04 + kZ95 * deviation, 0.002);
  EXPECT_TRUE(difference.is_significant());
}

TEST(PairedDifference, IsTheMeanOverTasksOfAnySize) {
  const Difference difference = paired_difference({pairs(10, 0, 100), pairs(0, 500, 1000)});
  EXPECT_DOUBLE_EQ(difference.value, (0.1 - 0.5) / 2);
  EXPECT_LT(difference.interval.high, 0.0);
  EXPECT_TRUE(difference.is_significant());
}

TEST(PairedDifference, IsNotSignificantWhereDisagreementsBalance) {
  EXPECT_FALSE(paired_difference({pairs(52, 48, 1000)}).is_significant());
  const Difference none = paired_difference({pairs(0, 0, 10)});
  EXPECT_EQ(none.value, 0.0);
  EXPECT_EQ(none.interval.low, 0.0);
  EXPECT_EQ(none.interval.high, 0.0);
  EXPECT_FALSE(none.is_significant());
}

TEST(PairedDifference, ChangesItsSignWithTheOrderOfTheMethods) {
  const Difference there = paired_difference({pairs(30, 5, 200)}),
                   back = paired_difference({pairs(5, 30, 200)});
  EXPECT_DOUBLE_EQ(there.value, -back.value);
  EXPECT_NEAR(there.interval.low, -back.interval.high, 0.01);
}

TEST(PairedDifference, IsTheSameEveryTime) {
  const std::vector<PairedCounts> tasks = {pairs(30, 5, 200), pairs(7, 9, 100)};
  EXPECT_EQ(paired_difference(tasks).interval.low, paired_difference(tasks).interval.low);
  EXPECT_EQ(paired_difference(tasks).interval.high, paired_difference(tasks).interval.high);
}

TEST(PairedDifference, NeedsExamples) {
  expect_mentions(error_message([] { paired_difference({}); }, Fault::kInternal), {"no examples"});
  expect_mentions(error_message([] { paired_difference({pairs(0, 0, 0)}); }, Fault::kInternal),
                  {"no examples"});
}

}  // namespace
}  // namespace isomerge
