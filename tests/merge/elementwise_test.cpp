#include "merge/elementwise.h"

#include <gtest/gtest.h>

#include "merge/run_rule.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

const std::vector<Entries> kTwo = {{1.0, -2.0, 0.0, 4.0}, {3.0, 2.0, 8.0, -4.0}};

TEST(MeanRule, OfTwoTasksGivesTheFirstItsShare) {
  EXPECT_EQ(run_rule(*mean_rule(0.25), kTwo, {at::kDouble}), (Entries{2.5, 1.0, 6.0, -2.0}));
  EXPECT_EQ(run_rule(*mean_rule(1.0), kTwo, {at::kDouble}), kTwo[0]);
  EXPECT_EQ(run_rule(*mean_rule(0.0), kTwo, {at::kDouble}), kTwo[1]);
}

TEST(MeanRule, OfEqualSharesIsTheMeanOfAnyNumberOfTasks) {
  EXPECT_EQ(run_rule(*mean_rule(0.5), kTwo, {at::kDouble}), (Entries{2.0, 0.0, 4.0, 0.0}));
  EXPECT_EQ(run_rule(*mean_rule(0.5), {{3.0}, {4.0}, {8.0}}, {at::kDouble}), Entries{5.0});
}

TEST(MeanRule, WithAShareRefusesOtherThanTwoTasks) {
  expect_mentions(error_message([] {
                    run_rule(*mean_rule(0.3), {{3.0}, {4.0}, {8.0}});
                  }),
                  {"first_share 0.3", "two experts", "got 3", "a, b, c"});
  expect_mentions(error_message([] { run_rule(*mean_rule(0.3), {{3.0}}); }), {"got 1"});
}

}  // namespace
}  // namespace isomerge
