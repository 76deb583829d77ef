#include "metric/correlation.h"

#include <cmath>

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace isomerge {
namespace {

const std::vector<double> kX = {1, 2, 3, 4, 5}, kY = {2, 1, 4, 3, 7};

// By hand: sums of squares 10 and 21.2, of products 12.
TEST(Pearson, IsTheValueByHand) {
  EXPECT_NEAR(pearson(kX, kY).value(), 12.0 / std::sqrt(10.0 * 21.2), 1e-15);
  EXPECT_DOUBLE_EQ(pearson(kX, kX).value(), 1.0);
  EXPECT_DOUBLE_EQ(pearson({1, 2, 3}, {3, 2, 1}).value(), -1.0);
}

TEST(Pearson, DoesNotDependOnScaleOrOrigin) {
  std::vector<double> moved;
  for (const double y : kY) moved.push_back(1e-9 * y + 5.0);
  EXPECT_NEAR(pearson(kX, moved).value(), pearson(kX, kY).value(), 1e-6);
}

TEST(Pearson, IsNotDefinedForConstantsOrSinglePoints) {
  EXPECT_FALSE(pearson({1, 2}, {0.1, 0.1}).has_value());
  EXPECT_FALSE(pearson({0.1, 0.1, 0.1}, {1, 2, 3}).has_value());
  EXPECT_FALSE(pearson({1}, {1}).has_value());
  expect_mentions(error_message([] { pearson({1, 2}, {1}); }, Fault::kInternal), {"2 with 1"});
}

// Ranks of y: 2 1 4 3 5; rho = 1 - 6 * 4 / (5 * 24).
TEST(Spearman, CountsRanksOnly) {
  EXPECT_DOUBLE_EQ(spearman(kX, kY).value(), 0.8);
  EXPECT_DOUBLE_EQ(spearman(kX, {1, 10, 100, 1000, 1e9}).value(), 1.0);
}

TEST(Spearman, EqualValuesShareTheirMeanRank) {
  EXPECT_DOUBLE_EQ(spearman({1, 2, 2, 3}, {1, 2.5, 2.5, 4}).value(), 1.0);
  // Ranks 1 2.5 2.5 4 against 1 2 3 4: 4.5 / sqrt(4.5 * 5).
  EXPECT_DOUBLE_EQ(spearman({1, 2, 2, 3}, {1, 2, 3, 4}).value(), 4.5 / std::sqrt(4.5 * 5.0));
}

TEST(CorrelationInterval, HoldsTheValueAndIsTheSameEveryTime) {
  std::vector<double> x, y;
  for (int i = 0; i < 40; ++i) {
    x.push_back(i);
    y.push_back(i + 12.0 * ((i * 7) % 5));
  }
  const Interval interval = correlation_interval(x, y, pearson).value();
  const double value = pearson(x, y).value();
  EXPECT_LT(interval.low, value);
  EXPECT_GT(interval.high, value);
  // Fisher's interval for r = 0.56 and 40 points is 0.30 .. 0.74; the bootstrap's is near it.
  const double z = std::atanh(value), reach = kZ95 / std::sqrt(37.0);
  EXPECT_NEAR(interval.low, std::tanh(z - reach), 0.15);
  EXPECT_NEAR(interval.high, std::tanh(z + reach), 0.15);
  EXPECT_EQ(interval.low, correlation_interval(x, y, pearson)->low);
}

TEST(CorrelationInterval, NeedsThreeDifferentPoints) {
  EXPECT_FALSE(correlation_interval({1, 2}, {1, 2}, pearson).has_value());
  EXPECT_FALSE(correlation_interval({1, 2, 2}, {1, 2, 2}, pearson).has_value());
  EXPECT_FALSE(correlation_interval({1, 2, 3}, {5, 5, 5}, pearson).has_value());
  EXPECT_TRUE(correlation_interval({1, 2, 3}, {1, 2, 2}, pearson).has_value());
}

}  // namespace
}  // namespace isomerge
