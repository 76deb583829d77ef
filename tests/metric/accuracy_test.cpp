#include "metric/accuracy.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

TEST(Accuracy, IsCorrectOverTotalAndZeroWithoutExamples) {
  EXPECT_DOUBLE_EQ((Accuracy{3, 4}.value()), 0.75);
  EXPECT_DOUBLE_EQ((Accuracy{0, 0}.value()), 0.0);
}

// Published: Newcombe 1998, Table I, method 3 (81/263, 15/148, 0/20, 1/29), and common tables.
TEST(Wilson, MatchesPublishedValues) {
  const struct {
    double correct;
    int64_t total;
    double low, high;
  } rows[] = {{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0.0, 0.1611},
              {1, 29, 0.0061, 0.1718},   {0, 10, 0.0, 0.2775},      {10, 10, 0.7225, 1.0},
              {5, 10, 0.2366, 0.7634}};
  for (const auto& row : rows) {
    const Interval got = wilson_interval({row.correct, row.total});
    EXPECT_NEAR(got.low, row.low, 5e-5) << row.correct << "/" << row.total;
    EXPECT_NEAR(got.high, row.high, 5e-5) << row.correct << "/" << row.total;
  }
}

TEST(Wilson, IsExactAtTheEndsAndEverythingWithoutExamples) {
  for (const int64_t n : {1, 7, 10, 1000, 123457}) {
    const Accuracy none{0.0, n}, all{static_cast<double>(n), n};
    EXPECT_EQ(wilson_interval(none).low, 0.0);
    EXPECT_EQ(wilson_interval(all).high, 1.0);
    EXPECT_GT(wilson_interval(none).high, 0.0);
    EXPECT_LT(wilson_interval(all).low, 1.0);
  }
  EXPECT_EQ((wilson_interval({0, 0}).low), 0.0);
  EXPECT_EQ((wilson_interval({0, 0}).high), 1.0);
}

TEST(Wilson, NarrowsWithSmallerZ) {
  const Interval wide = wilson_interval({30, 40}), narrow = wilson_interval({30, 40}, 1.0);
  EXPECT_LT(wide.low, narrow.low);
  EXPECT_GT(wide.high, narrow.high);
}

TEST(MeanInterval, OfOneTaskIsItsWilsonInterval) {
  const Interval one = wilson_interval({5, 10}), mean = mean_interval({{5, 10}});
  EXPECT_NEAR(mean.low, one.low, 1e-15);
  EXPECT_NEAR(mean.high, one.high, 1e-15);
}

// Zou and Donner 2008, by hand: tasks 5/10 [0.23659, 0.76341] and 10/10 [0.72247, 1]; mean 0.75;
// sqrt(0.26341^2 + 0.27753^2) / 2 = 0.19132 below, 0.26341 / 2 = 0.13170 above.
TEST(MeanInterval, AddsTheDistancesToTheLimitsInSquares) {
  const Interval mean = mean_interval({{5, 10}, {10, 10}});
  EXPECT_NEAR(mean.low, 0.75 - 0.19132, 1e-5);
  EXPECT_NEAR(mean.high, 0.75 + 0.13170, 1e-5);
}

TEST(MeanInterval, IsNarrowerThanItsTasksByTheRootOfTheirNumber) {
  const Interval one = mean_interval({{50, 100}});
  const Interval four = mean_interval({{50, 100}, {50, 100}, {50, 100}, {50, 100}});
  EXPECT_NEAR(four.high - four.low, (one.high - one.low) / 2.0, 1e-12);
}

TEST(MeanInterval, PassesTheRequestedLevelOn) {
  EXPECT_LT(mean_interval({{5, 10}}, 1.0).high, mean_interval({{5, 10}}).high);
}

TEST(MeanAccuracy, GivesEveryTaskTheSameWeight) {
  EXPECT_DOUBLE_EQ(mean_accuracy({{1, 1}, {0, 1000}}), 0.5);
  error_message([] { mean_accuracy({}); }, Fault::kInternal);
}

TEST(NormalisedAccuracy, DividesBySingleTaskAccuracy) {
  EXPECT_DOUBLE_EQ(*normalised_accuracy({40, 100}, {80, 100}), 0.5);
  EXPECT_DOUBLE_EQ(*normalised_accuracy({0, 100}, {80, 100}), 0.0);
  EXPECT_FALSE(normalised_accuracy({40, 100}, {0, 100}).has_value());
}

// Mean of ratios (0.5 and 1), not ratio of means (1.4 / 1.8).
TEST(NormalisedAccuracy, OfSeveralTasksIsTheMeanOfRatios) {
  EXPECT_DOUBLE_EQ(*mean_normalised_accuracy({{40, 100}, {100, 100}}, {{80, 100}, {100, 100}}),
                   0.75);
  EXPECT_FALSE(mean_normalised_accuracy({{1, 2}, {1, 2}}, {{1, 2}, {0, 2}}).has_value());
}

// The authors' B/16 means (fig_3a.py of danielm1405/iso-merging): Iso-C normalised 95.63 over eight
// tasks.
TEST(NormalisedAccuracy, ReproducesTheAuthorsMeanForIsoC) {
  const int64_t n = 1'000'000;
  const std::vector<Accuracy> iso_c = {{834349, n}, {917553, n}, {976296, n}, {953523, n},
                                       {991100, n}, {922540, n}, {740202, n}, {909726, n}};
  const std::vector<Accuracy> single = {{876135, n}, {982979, n}, {988889, n}, {990024, n},
                                        {997500, n}, {969365, n}, {788111, n}, {978219, n}};
  EXPECT_NEAR(100.0 * *mean_normalised_accuracy(iso_c, single), 95.63, 0.005);
  EXPECT_NEAR(100.0 * mean_accuracy(iso_c), 90.57, 0.005);
}

TEST(NormalisedAccuracy, RefusesListsOfDifferentLengths) {
  expect_mentions(error_message(
                      [] {
                        mean_normalised_accuracy({{1, 2}}, {});
                      },
                      Fault::kInternal),
                  {"1 tasks over 0"});
  error_message([] { mean_normalised_accuracy({}, {}); }, Fault::kInternal);
}

// First task of the authors' list: zero-shot 0.646064, TA 0.693073, fine-tuned 0.876135: 0.2043.
TEST(AccuracyImprovement, MatchesTheAuthorsValue) {
  const int64_t n = 1'000'000;
  EXPECT_NEAR(*accuracy_improvement({693073, n}, {646064, n}, {876135, n}), 0.2043, 5e-5);
  EXPECT_FALSE(accuracy_improvement({1, 4}, {2, 4}, {2, 4}).has_value());
}

}  // namespace
}  // namespace isomerge
