#include "merge/consensus.h"

#include <gtest/gtest.h>

#include "merge/run_rule.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

Entries consensus(const Lambdas& lambdas, int64_t min_tasks, const std::vector<Entries>& updates) {
  Entries merged = run_rule(*consensus_rule(lambdas, min_tasks), updates);
  EXPECT_EQ(run_rule(*consensus_rule(lambdas, min_tasks), updates, {.dtype = at::kDouble}), merged);
  return merged;
}

Entries tall_mask(double lambda, const std::string& task, const std::vector<Entries>& updates) {
  Entries merged = run_rule(*tall_mask_rule(lambda, task), updates);
  EXPECT_EQ(run_rule(*tall_mask_rule(lambda, task), updates, {.dtype = at::kDouble}), merged);
  return merged;
}

// |1| against 0.5 * |2| and |2| against 0.5 * |1|.
TEST(TallMask, LeavesOutAnEntryThatOnlyEqualsLambdaTimesTheOthers) {
  EXPECT_EQ(tall_mask(0.5, "a", {{1}, {2}}), Entries{0});
  EXPECT_EQ(tall_mask(0.49, "a", {{1}, {2}}), Entries{3});
  EXPECT_EQ(tall_mask(0.5, "b", {{1}, {2}}), Entries{3});
}

TEST(TallMask, ComparesMagnitudesAndLeavesOutTheTaskItself) {
  EXPECT_EQ(tall_mask(1, "a", {{-3}, {2}}), Entries{-1});
  EXPECT_EQ(tall_mask(1, "b", {{-3}, {2}}), Entries{0});
  EXPECT_EQ(tall_mask(1, "a", {{1}, {5}, {-5}}), Entries{1}) << "the others cancel";
}

TEST(TallMask, OfLambdaZeroHoldsWhereTheTaskChangedSomething) {
  EXPECT_EQ(tall_mask(0, "a", {{0, 1e-20, -1}, {5, 5, 5}}), (Entries{0, 5, 4}));
}

TEST(TallMask, RefusesATaskThatIsNotMerged) {
  expect_mentions(error_message([] {
                    tall_mask_rule(0.4, "car")->prepare({"cars", "dtd"}, {});
                  }),
                  {"no task \"car\"", "nearest: \"cars\"", "cars, dtd"});
  expect_mentions(error_message([] { tall_mask_rule(0.4, "")->prepare({"cars"}, {}); }),
                  {"no task \"\""});
}

// Entries that no, one, two and all three tasks need.
TEST(Consensus, KeepsTheSumWhereEnoughTasksNeedIt) {
  const std::vector<Entries> updates{{0, 6, 4, 3}, {0, 1, 4, 3}, {0, 1, 1, 3}};
  EXPECT_EQ(consensus({0.4}, 0, updates), (Entries{0, 8, 9, 9}));
  EXPECT_EQ(consensus({0.4}, 1, updates), (Entries{0, 8, 9, 9}));
  EXPECT_EQ(consensus({0.4}, 2, updates), (Entries{0, 0, 9, 9}));
  EXPECT_EQ(consensus({0.4}, 3, updates), (Entries{0, 0, 0, 9}));
  EXPECT_EQ(consensus({0.4}, 4, updates), (Entries{0, 0, 0, 0}));
}

TEST(Consensus, OfNoTasksIsTheSum) {
  EXPECT_EQ(consensus({100}, 0, {{1, -2}, {2, 5}}), (Entries{3, 3}));
}

TEST(Consensus, TakesALambdaOfItsOwnForATaskThatIsNamed) {
  const std::vector<Entries> updates{{1, 2}, {2, 1}};
  EXPECT_EQ(consensus({0.6}, 2, updates), (Entries{0, 0}));
  EXPECT_EQ(consensus({0.6, {{"a", 0.4}}}, 2, updates), (Entries{3, 0}));
  EXPECT_EQ(consensus({0.6, {{"b", 0.4}}}, 2, updates), (Entries{0, 3}));
}

// A rule is used again where an experiment merges twice.
TEST(Consensus, LambdasFollowTheirTasksWhenPreparedAgain) {
  const auto rule = consensus_rule({0.6, {{"b", 0.4}}}, 2);
  EXPECT_EQ(run_rule(*rule, {{"w", {{2}, {1}}}}, {"a", "b"}).at("w"), Entries{3});
  EXPECT_EQ(run_rule(*rule, {{"w", {{2}, {1}}}}, {"b", "a"}).at("w"), Entries{0});
}

// In fp32 the first two would sum to 1e8, and all three to 0.
TEST(Consensus, AddsInDoublePrecision) {
  const std::vector<Entries> updates{{1e8}, {1}, {-1e8}};
  EXPECT_EQ(run_rule(*consensus_rule({0}, 1), updates), Entries{1});
}

TEST(Consensus, RefusesALambdaForATaskThatIsNotMerged) {
  expect_mentions(error_message([] {
                    consensus_rule({0.4, {{"car", 0.2}}}, 2)->prepare({"cars", "dtd"}, {});
                  }),
                  {"no task \"car\"", "nearest: \"cars\"", "cars, dtd"});
}

TEST(Consensus, MasksDoNotDependOnBlocks) {
  const std::vector<std::string> tasks{"a", "b", "c"};
  for (const auto& rule : {consensus_rule({0.4, {{"b", 0.8}}}, 2), tall_mask_rule(0.5, "c")}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
      const auto want = run_rule(*rule, crowded_model(), tasks, {.dtype = dtype});
      for (const RuleCut& cut : other_cuts(dtype)) {
        EXPECT_EQ(run_rule(*rule, crowded_model(), tasks, cut), want) << cut.block;
      }
    }
  }
}

TEST(ParseLambdas, ReadsTaskAndNumber) {
  EXPECT_EQ(parse_lambdas("cars=0.2,dtd=0"),
            (std::map<std::string, double>{{"cars", 0.2}, {"dtd", 0.0}}));
}

TEST(ParseLambdas, RefusesEverythingElse) {
  for (const char* bad : {"", "cars", "cars=", "=0.2", "cars=x", "cars=-0.1", "cars=0.2,",
                          "cars=0.2 dtd=0.3", "cars=nan"}) {
    expect_mentions(error_message([&] { parse_lambdas(bad); }), {"expected TASK=NUMBER"});
  }
  expect_mentions(error_message([] { parse_lambdas("cars=0.2,cars=0.3"); }),
                  {"cars is given twice"});
}

}  // namespace
}  // namespace isomerge
