#include "base/random.h"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>

namespace isomerge {
namespace {

// The first outputs of the published SplitMix64 with seed 0.
TEST(Random, BitsAreThoseOfSplitMix64) {
  EXPECT_EQ(random_bits(0, 0), 0xe220a8397b1dcdafu);
  EXPECT_EQ(random_bits(0, 1), 0x6e789e6aa1b965f4u);
}

// The published test vectors of 64-bit FNV-1a.
TEST(Random, KeysAreFnv1a) {
  EXPECT_EQ(random_key(""), 0xcbf29ce484222325u);
  EXPECT_EQ(random_key("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(random_key("foobar"), 0x85944171f73967e8u);
}

TEST(Random, UniformNumbersAreTheUpper53BitsOverTheirRange) {
  EXPECT_EQ(random_uniform(0, 0), static_cast<double>(0xe220a8397b1dcdafu >> 11) / 0x1p53);
  for (uint64_t i = 0; i < 10'000; ++i) {
    EXPECT_GE(random_uniform(7, i), 0.0);
    EXPECT_LT(random_uniform(7, i), 1.0);
  }
}

// By another program: the upper half of bits * 10.
TEST(Random, NumbersBelowABoundAreItsShareOfTheBits) {
  const std::array<uint64_t, 6> want = {8, 4, 0, 9, 1, 3};
  for (uint64_t i = 0; i < want.size(); ++i) EXPECT_EQ(random_below(0, i, 10), want[i]) << i;
}

// Seven standard deviations of a binomial around 10,000.
TEST(Random, NumbersBelowABoundAreEven) {
  std::array<int, 7> counts{};
  for (uint64_t i = 0; i < 70'000; ++i) ++counts.at(random_below(random_key("even"), i, 7));
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 7 * 93);
  for (uint64_t i = 0; i < 100; ++i) EXPECT_EQ(random_below(5, i, 1), 0u);
}

}  // namespace
}  // namespace isomerge
