#include "merge/dare.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "merge/run_rule.h"
#include "merge/ties.h"

namespace isomerge {
namespace {

constexpr int64_t kCount = 100'000;

// What DARE makes of an update of ones.
at::Tensor dared(double drop, uint64_t seed, const std::string& tensor, const std::string& task,
                 int64_t first = 0, int64_t count = kCount) {
  const TensorInfo info{tensor, at::kDouble, {first + count}};
  const std::vector<std::string> tasks{task};
  const Block block{info, tasks, first, {at::full({count}, 1.0, at::kDouble)}};
  return dare_change(drop, seed)(block).updates[0];
}

// The first outputs of the published SplitMix64 with seed 0.
TEST(Dare, RandomNumbersAreThoseOfSplitMix64) {
  EXPECT_EQ(dare_uniform(0, 0), static_cast<double>(0xe220a8397b1dcdafu >> 11) * 0x1p-53);
  EXPECT_EQ(dare_uniform(0, 1), static_cast<double>(0x6e789e6aa1b965f4u >> 11) * 0x1p-53);
}

// Of "0/w/a" by the published algorithm, computed apart from this program.
TEST(Dare, KeysAreFnv1aOfSeedTensorAndTask) {
  EXPECT_EQ(dare_key(0, "w", "a"), 0xc13513abc3e148bdu);
}

// Five standard deviations of a binomial.
TEST(Dare, KeepsOneMinusDropOfTheEntries) {
  for (const double drop : {0.1, 0.5, 0.9}) {
    const double kept =
        static_cast<double>(dared(drop, 0, "w", "a").count_nonzero().item<int64_t>());
    EXPECT_NEAR(kept / kCount, 1.0 - drop, 5.0 * std::sqrt(drop * (1.0 - drop) / kCount)) << drop;
  }
}

TEST(Dare, DividesWhatItKeepsByOneMinusDrop) {
  const at::Tensor values = dared(0.75, 0, "w", "a");
  EXPECT_EQ(values.max().item<double>(), 4.0);
  EXPECT_EQ(values.eq(0.0).logical_or(values.eq(4.0)).sum().item<int64_t>(), kCount);
}

TEST(Dare, OfDropZeroChangesNothing) {
  EXPECT_TRUE(dared(0.0, 3, "w", "a").equal(at::full({kCount}, 1.0, at::kDouble)));
}

TEST(Dare, DropsOtherEntriesForAnotherSeedTensorOrTask) {
  const at::Tensor one = dared(0.5, 0, "w", "a");
  EXPECT_TRUE(dared(0.5, 0, "w", "a").equal(one));
  EXPECT_FALSE(dared(0.5, 1, "w", "a").equal(one));
  EXPECT_FALSE(dared(0.5, 0, "v", "a").equal(one));
  EXPECT_FALSE(dared(0.5, 0, "w", "b").equal(one));
}

TEST(Dare, DoesNotDependOnWhereABlockBegins) {
  const at::Tensor whole = dared(0.5, 0, "w", "a", 0, 100);
  EXPECT_TRUE(
      at::cat({dared(0.5, 0, "w", "a", 0, 37), dared(0.5, 0, "w", "a", 37, 63)}).equal(whole));
}

TEST(Dare, DoesNotDependOnTheOtherTasks) {
  const TensorInfo info{"w", at::kFloat, {1000}};
  const std::vector<std::string> three{"a", "b", "c"}, two{"c", "b"};
  const at::Tensor b = at::arange(1.0, 1001.0, at::kFloat), other = at::full({1000}, 3.0);
  const Block large{info, three, 0, {other, b, other}}, small{info, two, 0, {other, b}};
  const BlockChange change = dare_change(0.3, 5);
  EXPECT_TRUE(change(large).updates[1].equal(change(small).updates[1]));
  EXPECT_FALSE(change(large).updates[0].equal(change(large).updates[2]));
}

TEST(Dare, DividesInThePrecisionOfTheUpdate) {
  const TensorInfo info{"w", at::kFloat, {kCount}};
  const std::vector<std::string> tasks{"a"};
  const Block block{info, tasks, 0, {at::full({kCount}, 0.1f, at::kFloat)}};
  EXPECT_EQ(dare_change(0.7, 0)(block).updates[0].max().item<float>(), 0.1f / 0.3f)
      << "one division, not a product with 1 / 0.3";
}

TEST(DareTies, DoesNotDependOnBlocksOrThreads) {
  const std::vector<std::string> tasks{"a", "b", "c"};
  for (const double keep : {0.2, 1.0}) {
    const auto merge = [&](const RuleCut& cut) {
      return run_rule(*ties_rule({keep, false, true}, dare_change(0.5, 1)), crowded_model(), tasks,
                      cut);
    };
    for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
      for (const RuleCut& cut : other_cuts(dtype)) {
        EXPECT_EQ(merge(cut), merge({.dtype = dtype})) << "blocks of " << cut.block;
      }
    }
  }
}

// The trim and the election see what is left, not what was there.
TEST(DareTies, IsTiesOfTheChangedUpdates) {
  RuleModel model = crowded_model();
  const std::vector<std::string> tasks{"a", "b", "c"};
  const BlockChange change = dare_change(0.5, 9);
  const auto got = run_rule(*ties_rule({0.3, false, true}, change), model, tasks);
  for_each_block(crowded_model(), tasks, {}, [&](const Block& block) {
    const Block changed = change(block);
    for (size_t t = 0; t < tasks.size(); ++t) {
      const at::Tensor update = changed.updates[t].to(at::kDouble);
      const double* const values = update.const_data_ptr<double>();
      model.at(block.info.name)[t].assign(values, values + block.size());
    }
  });
  EXPECT_EQ(got, run_rule(*ties_rule({0.3, false, true}), model, tasks));
}

}  // namespace
}  // namespace isomerge
