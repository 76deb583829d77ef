#include "merge/ties.h"

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "merge/executor.h"
#include "merge/run_rule.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

Entries ties(const TiesOptions& options, const std::vector<Entries>& updates) {
  Entries merged = run_rule(*ties_rule(options), updates);
  EXPECT_EQ(run_rule(*ties_rule(options), updates, {.dtype = at::kDouble}), merged);
  return merged;
}

// keep 0.4 of five: the third smallest of them is the threshold.
TEST(TiesTrim, KeepsAllEntriesTiedWithTheThreshold) {
  EXPECT_EQ(ties({.keep = 0.4}, {{1, -2, 2, 2, 3}}), (Entries{0, -2, 2, 2, 3}));
}

TEST(TiesTrim, KeepsOneEntryMoreThanItsShare) {
  EXPECT_EQ(ties({.keep = 0.5}, {{1, 2, 3, 4}}), (Entries{0, 2, 3, 4}));
  EXPECT_EQ(ties({.keep = 0.49}, {{1, 2, 3, 4}}), (Entries{0, 0, 3, 4}));
}

// 38 of 40: the second smallest is the threshold.
TEST(TiesTrim, OfAlmostEverythingStillTrims) {
  Entries entries(40), want(40);
  for (size_t i = 0; i < entries.size(); ++i) entries[i] = static_cast<double>(i + 1);
  std::copy(entries.begin() + 1, entries.end(), want.begin() + 1);
  EXPECT_EQ(ties({.keep = 0.96}, {entries}), want);
}

TEST(TiesTrim, OfKeepZeroLeavesTheLargestEntries) {
  EXPECT_EQ(ties({.keep = 0}, {{1, -3, 2, 3}}), (Entries{0, -3, 0, 3}));
}

TEST(TiesTrim, OfKeepOneLeavesEverything) {
  EXPECT_EQ(ties({.keep = 1}, {{0x1p-100, -3, 0, 3}}), (Entries{0x1p-100, -3, 0, 3}));
}

// Among the six that are not zero, half would be 3 or more.
TEST(TiesTrim, CountsEntriesThatNoTaskChanged) {
  EXPECT_EQ(ties({.keep = 0.5}, {{0, 0, 0, 0, 1, 2, 3, 4, 5, 6}}),
            (Entries{0, 0, 0, 0, 1, 2, 3, 4, 5, 6}));
}

TEST(TiesTrim, HasAThresholdForEveryTask) {
  EXPECT_EQ(ties({.keep = 0}, {{1, 2, 3, 4}, {800, 700, 600, 500}}), (Entries{800, 0, 0, 4}));
}

TEST(TiesTrim, GoesOverTheWholeUpdateOrEachTensor) {
  const RuleModel model{{"large", {{10, 20, 30, 40}}}, {"small", {{1, 2, 3, 4}}}};
  const auto merged = [&](bool is_per_tensor) {
    return run_rule(*ties_rule({.keep = 0.25, .is_per_tensor = is_per_tensor}), model, {"a"});
  };
  EXPECT_EQ(merged(false).at("large"), (Entries{0, 20, 30, 40}));
  EXPECT_EQ(merged(false).at("small"), (Entries{0, 0, 0, 0}));
  EXPECT_EQ(merged(true).at("large"), (Entries{0, 0, 30, 40}));
  EXPECT_EQ(merged(true).at("small"), (Entries{0, 0, 3, 4}));
}

TEST(TiesMerge, AveragesOrSumsTheEntriesWithTheSignOfTheSum) {
  const std::vector<Entries> updates{{4, -4}, {-1, 1}, {2, -2}};
  EXPECT_EQ(ties({.keep = 1}, updates), (Entries{3, -3}));
  EXPECT_EQ(ties({.keep = 1, .takes_mean = false}, updates), (Entries{6, -6}));
}

TEST(TiesMerge, DoesNotCountZerosInTheMean) {
  EXPECT_EQ(ties({.keep = 1}, {{4, 0}, {0, 0}, {0, 0}}), (Entries{4, 0}));
}

TEST(TiesMerge, TrimmedEntriesNeitherElectNorCount) {
  // Untrimmed, the first entry would sum to -1 and be merged to -5.
  EXPECT_EQ(ties({.keep = 0}, {{4, 1, 1}, {-5, 6, 6}}), (Entries{4, 6, 6}));
}

TEST(TiesMerge, ASumOfZeroFollowsTheMajorityOfTheOtherSigns) {
  EXPECT_EQ(ties({.keep = 1}, {{1, -2, 0}, {-1, -3, 0}}), (Entries{-1, -2.5, 0}));
  EXPECT_EQ(ties({.keep = 1}, {{1, 2, 0}, {-1, 3, 0}}), (Entries{1, 2.5, 0}));
}

TEST(TiesMerge, TheMajorityCountsSignsAndNotSizes) {
  EXPECT_EQ(ties({.keep = 1}, {{1, -1, -1, 100}, {-1, -1, -1, 100}})[0], -1.0);
}

TEST(TiesMerge, WithoutAMajorityASumOfZeroIsPositive) {
  EXPECT_EQ(ties({.keep = 1}, {{1, 2, -3}, {-1, 2, -3}}), (Entries{1, 2, -3}));
}

TEST(TiesMerge, TakesTheMajorityOfAllTensorsOrOfEachByItself) {
  const RuleModel model{{"v", {{1, 5}, {-1, 5}}}, {"w", {{-1, -1}, {-1, -1}}}};
  const auto merged = [&](bool is_per_tensor) {
    return run_rule(*ties_rule({.keep = 1, .is_per_tensor = is_per_tensor}), model, {"a", "b"});
  };
  EXPECT_EQ(merged(false).at("v"), (Entries{-1, 5}));
  EXPECT_EQ(merged(true).at("v"), (Entries{1, 5}));
}

TEST(Ties, DoesNotDependOnBlocksOrThreads) {
  const std::vector<std::string> tasks{"a", "b", "c"};
  for (const bool is_per_tensor : {false, true}) {
    for (const double keep : {0.1, 0.5, 1.0}) {
      const TiesOptions options{keep, is_per_tensor, true};
      for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
        const auto want = run_rule(*ties_rule(options), crowded_model(), tasks, {.dtype = dtype});
        for (const RuleCut& cut : other_cuts(dtype)) {
          EXPECT_EQ(run_rule(*ties_rule(options), crowded_model(), tasks, cut), want)
              << "keep " << keep << ", blocks of " << cut.block;
        }
      }
    }
  }
}

// A rule is used again where an experiment merges twice.
TEST(Ties, StartsAnewWhenPreparedAgain) {
  const auto rule = ties_rule({.keep = 0.5, .is_per_tensor = false, .takes_mean = true});
  run_rule(*rule, std::vector<Entries>{{50, -60, -70, -80}, {50, -60, -70, -80}});
  EXPECT_EQ(run_rule(*rule, std::vector<Entries>{{1, 2, 3, 4}, {1, 2, 3, -4}}),
            (Entries{0, 2, 3, 4}));
}

class TiesOnFiles : public ::testing::Test {
 protected:
  // "w" counts up; "x" is far larger; "ids" are integers.
  std::filesystem::path save(const std::string& name, double scale) {
    const at::Tensor w = at::tensor({1.0, 2.0, 3.0, 4.0}, at::kFloat).mul(scale);
    write_safetensors(folder_ / name, {{"w", w},
                                       {"x", at::full({8}, 1000.0 * scale, at::kFloat)},
                                       {"ids", at::full({50}, 7, at::kLong)}});
    return folder_ / name;
  }

  TemporaryFolder folder_;
};

TEST_F(TiesOnFiles, ExcludedAndIntegerTensorsDoNotCountInTheTrim) {
  const Updates updates(save("base.safetensors", 0.0), {{"a", save("a.safetensors", 1.0)}});
  std::map<std::string, at::Tensor> merged;
  MergeSettings settings;
  settings.roles.exclude = {"x"};
  merge_tensors(updates, {ties_rule({.keep = 0.5})}, settings,
                [&](const MergedTensor& tensor) { merged[tensor.info.name] = tensor.update; });
  EXPECT_TRUE(merged.at("w").equal(at::tensor({0.0, 2.0, 3.0, 4.0}, at::kFloat)));
  EXPECT_EQ(merged.at("x").count_nonzero().item<int64_t>(), 0);
}

}  // namespace
}  // namespace isomerge
