#include "train/example_order.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

namespace isomerge {
namespace {

std::vector<int64_t> indices(const std::vector<Example>& examples) {
  std::vector<int64_t> out;
  for (const Example& example : examples) out.push_back(example.index);
  return out;
}

// By another program, from the published generators.
TEST(EpochPermutation, IsTheOneOfSeedAndEpoch) {
  EXPECT_EQ(epoch_permutation(8, 0, 0), (std::vector<int64_t>{3, 6, 0, 2, 4, 5, 7, 1}));
  EXPECT_EQ(epoch_permutation(8, 0, 1), (std::vector<int64_t>{0, 4, 5, 7, 2, 3, 1, 6}));
  EXPECT_EQ(epoch_permutation(8, 7, 0), (std::vector<int64_t>{3, 4, 2, 5, 7, 1, 0, 6}));
  EXPECT_EQ(epoch_permutation(1, 0, 0), (std::vector<int64_t>{0}));
}

// 6,000 permutations of three: each of the six 1,000 times, within seven standard deviations.
TEST(EpochPermutation, HasEveryOrderEquallyOften) {
  std::map<std::vector<int64_t>, int> counts;
  for (int64_t epoch = 0; epoch < 6000; ++epoch) ++counts[epoch_permutation(3, 1, epoch)];
  ASSERT_EQ(counts.size(), 6u);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 1000, 7 * 29);
}

TEST(ExampleOrder, ShowsEveryExampleOfTheSplitOncePerEpoch) {
  ExampleOrder order({"train", 100, 150}, 3, 0);
  std::vector<int64_t> first = indices(order.examples(0, 50));
  std::vector<int64_t> second = indices(order.examples(50, 50));
  EXPECT_NE(first, second);
  for (std::vector<int64_t>* epoch : {&first, &second}) {
    std::sort(epoch->begin(), epoch->end());
    for (int64_t i = 0; i < 50; ++i) EXPECT_EQ((*epoch)[static_cast<size_t>(i)], 100 + i);
  }
}

TEST(ExampleOrder, BatchesMayReachIntoTheNextEpochsAndNothingDependsOnEarlierCalls) {
  const Split split{"train", 10, 17};
  ExampleOrder order(split, 3, 2);
  const std::vector<Example> whole = order.examples(0, 40);
  for (const int64_t first : {33, 5, 20, 6}) {
    const std::vector<Example> part = order.examples(first, 7);
    ASSERT_EQ(part.size(), 7u);
    for (size_t i = 0; i < part.size(); ++i) {
      const Example& want = whole[static_cast<size_t>(first) + i];
      EXPECT_EQ(part[i].index, want.index);
      EXPECT_EQ(part[i].down, want.down);
      EXPECT_EQ(part[i].right, want.right);
    }
  }
}

// By another program, from the published generators.
TEST(ExampleOrder, MovesAreThoseOfTheSeed) {
  ExampleOrder order({"train", 0, 4}, 3, 2);
  const int64_t want[] = {0, 1, -2, 1, -2, 1, -1, 0, -1, 1, 0, -2};
  const std::vector<Example> examples = order.examples(0, 6);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(examples[i].down, want[2 * i]) << i;
    EXPECT_EQ(examples[i].right, want[2 * i + 1]) << i;
  }
}

TEST(ExampleOrder, MovesByAllDistancesUpToTheShiftAndNotAtAllWithoutOne) {
  std::set<std::pair<int64_t, int64_t>> seen;
  for (const Example& example : ExampleOrder({"train", 0, 4}, 0, 2).examples(0, 1000)) {
    seen.emplace(example.down, example.right);
  }
  EXPECT_EQ(seen.size(), 25u);
  EXPECT_EQ(*seen.begin(), (std::pair<int64_t, int64_t>{-2, -2}));
  EXPECT_EQ(*seen.rbegin(), (std::pair<int64_t, int64_t>{2, 2}));
  for (const Example& example : ExampleOrder({"train", 0, 4}, 0, 0).examples(0, 100)) {
    EXPECT_EQ(example.down, 0);
    EXPECT_EQ(example.right, 0);
  }
}

TEST(ExampleOrder, AnotherSeedIsAnotherOrder) {
  const Split split{"train", 0, 100};
  EXPECT_NE(indices(ExampleOrder(split, 0, 0).examples(0, 100)),
            indices(ExampleOrder(split, 1, 0).examples(0, 100)));
}

}  // namespace
}  // namespace isomerge
