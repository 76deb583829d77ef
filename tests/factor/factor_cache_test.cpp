#include "factor/factor_cache.h"

#include <chrono>
#include <filesystem>
#include <string>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "merge/iso_c.h"
#include "merge/iso_cts.h"
#include "merge/tsv_m.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

class FactorCacheTest : public ::testing::Test {
 protected:
  FactorCacheTest() : cache_(folder_ / "cache") {
    old_ = set_log_sink([this](LogLevel level, const std::string& message) {
      if (level == LogLevel::kWarning) warnings_.push_back(message);
    });
  }
  ~FactorCacheTest() override { set_log_sink(old_); }

  // T random fp32 updates, identified by their number.
  Factors factors(int64_t m, int64_t n, int tasks, bool is_cached = true) {
    std::vector<Update> updates;
    FactorSource source;
    source.store = is_cached ? &cache_ : nullptr;
    for (int t = 0; t < tasks; ++t) {
      updates.emplace_back(random_tensor({m, n}, 1 + static_cast<uint64_t>(t)).to(at::kFloat));
      source.update_keys.push_back("update " + std::to_string(t));
    }
    return Factors(std::move(updates), std::move(source));
  }

  // What was reused and computed since the last call.
  std::pair<int64_t, int64_t> news() {
    const FactorCache::Counts now = cache_.counts();
    const std::pair out(now.reused - seen_.reused, now.computed - seen_.computed);
    seen_ = now;
    return out;
  }

  TemporaryFolder folder_;
  FactorCache cache_;
  FactorCache::Counts seen_;
  std::vector<std::string> warnings_;
  LogSink old_;
};

using ReusedComputed = std::pair<int64_t, int64_t>;

TEST_F(FactorCacheTest, GivesBackWhatWasStored) {
  const Weights weights{{"a", at::arange(5, at::kDouble)}, {"b", at::full({2, 2}, 3.0f)}};
  EXPECT_FALSE(cache_.find("key").has_value());
  cache_.put("key", weights, Use::kAgain);
  const Weights found = cache_.find("key").value();
  EXPECT_TRUE(found.at("a").equal(weights.at("a")));
  EXPECT_TRUE(found.at("b").equal(weights.at("b")));
  EXPECT_FALSE(cache_.find("other").has_value());
}

TEST_F(FactorCacheTest, ADamagedEntryIsReportedRemovedAndComputedAgain) {
  cache_.put("key", {{"a", at::arange(5, at::kDouble)}}, Use::kAgain);
  const fs::path file = folder_ / "cache/key.safetensors";
  std::string bytes = TemporaryFolder::read(file);
  bytes.back() ^= 1;
  folder_.write("cache/key.safetensors", bytes);
  EXPECT_FALSE(cache_.find("key").has_value());
  ASSERT_EQ(warnings_.size(), 1u);
  expect_mentions(warnings_[0], {"key.safetensors", "checksum", "computed again"});
  EXPECT_FALSE(fs::exists(file));
  folder_.write("cache/key.safetensors", bytes.substr(0, bytes.size() / 2));
  EXPECT_FALSE(cache_.find("key").has_value()) << "cut short";
  EXPECT_EQ(cache_.counts().damaged, 2);
}

TEST_F(FactorCacheTest, AFolderThatVanishesLosesEntriesButNotTheMerge) {
  fs::remove_all(folder_ / "cache");
  cache_.put("a", {{"a", at::arange(5)}}, Use::kAgain);
  cache_.put("b", {{"a", at::arange(5)}}, Use::kAgain);
  EXPECT_EQ(warnings_.size(), 1u) << "said once";
}

TEST_F(FactorCacheTest, MergesWithItEqualThoseWithout) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{24, 40}, {40, 24}, {30, 30}}) {
    const Factors with = factors(m, n, 3), without = factors(m, n, 3, /*is_cached=*/false);
    for (int pass = 0; pass < 2; ++pass) {  // cold, then warm
      EXPECT_LE(relative_error(merge_iso_c(with).update, merge_iso_c(without).update), 1e-6);
      EXPECT_LE(relative_error(merge_tsv_m(with).update, merge_tsv_m(without).update), 1e-6);
      for (const double fraction : {0.3, 0.5, 0.8, 0.95}) {
        const IsoCtsOptions options{.common_fraction = fraction};
        EXPECT_LE(relative_error(merge_iso_cts(with, options).update,
                                 merge_iso_cts(without, options).update),
                  1e-6)
            << m << " x " << n << ", " << fraction;
      }
    }
    fs::remove_all(folder_ / "cache");
    fs::create_directory(folder_ / "cache");
  }
}

TEST_F(FactorCacheTest, AWarmMergeGivesTheBytesOfAColdOne) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{24, 40}, {40, 24}}) {
    const IsoCtsOptions options{.common_fraction = 0.6};
    const at::Tensor cold = merge_iso_cts(factors(m, n, 3), options).update;
    EXPECT_TRUE(merge_iso_cts(factors(m, n, 3), options).update.equal(cold));
    const at::Tensor cold_tsv = merge_tsv_m(factors(m, n, 3)).update;
    EXPECT_TRUE(merge_tsv_m(factors(m, n, 3)).update.equal(cold_tsv));
    fs::remove_all(folder_ / "cache");
    fs::create_directory(folder_ / "cache");
  }
}

TEST_F(FactorCacheTest, MethodsFractionsAndSuiteSizesShareWhatTheyHaveInCommon) {
  merge_iso_c(factors(24, 40, 4));
  EXPECT_EQ(news(), ReusedComputed(0, 1)) << "the sum";
  merge_iso_cts(factors(24, 40, 4), {.common_fraction = 0.8});
  EXPECT_EQ(news(), ReusedComputed(1, 5))
      << "the sum; its vectors on the long side and a residual for each task";
  merge_iso_cts(factors(24, 40, 4), {.common_fraction = 0.5});
  EXPECT_EQ(news(), ReusedComputed(6, 0)) << "another fraction";
  merge_tsv_m(factors(24, 40, 4));
  EXPECT_EQ(news(), ReusedComputed(0, 4));
  merge_tsv_m(factors(24, 40, 6));
  EXPECT_EQ(news(), ReusedComputed(4, 2)) << "six tasks keep fewer triplets of each";
  merge_tsv_m(factors(24, 40, 3));
  EXPECT_EQ(news(), ReusedComputed(3, 3)) << "found, but too few triplets: stored anew";
  merge_tsv_m(factors(24, 40, 3));
  EXPECT_EQ(news(), ReusedComputed(3, 0));
}

uint64_t bytes_in(const fs::path& folder) {
  uint64_t bytes = 0;
  for (const auto& file : fs::directory_iterator(folder)) bytes += file.file_size();
  return bytes;
}

Weights entry(int64_t kib) { return {{"values", at::full({kib * 128}, 1.0, at::kDouble)}}; }

TEST_F(FactorCacheTest, HoldsNoMoreThanItMayAndDropsWhatWasUsedLongestAgo) {
  constexpr uint64_t kLimit = uint64_t{100} << 10;
  FactorCache bounded(folder_ / "bounded", kLimit);
  bounded.put("first", entry(20), Use::kAgain);
  bounded.put("second", entry(20), Use::kAgain);
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(2);
  for (const char* name : {"first", "second"}) {
    fs::last_write_time(folder_ / "bounded" / (std::string(name) + ".safetensors"), long_ago);
  }
  EXPECT_TRUE(bounded.find("first"));  // now of use again
  for (int i = 0; i < 10; ++i) {
    bounded.put("more " + std::to_string(i), entry(16), Use::kAgain);
    EXPECT_LE(bytes_in(folder_ / "bounded"), kLimit + (uint64_t{4} << 10)) << i;
    if (i == 3) {
      EXPECT_FALSE(bounded.find("second"));
      EXPECT_TRUE(bounded.find("first"));
    }
  }
  EXPECT_TRUE(bounded.find("more 9"));
  EXPECT_GT(bounded.counts().removed, 3);
}

TEST_F(FactorCacheTest, DoesNotEmptyItselfForOneLargeEntry) {
  FactorCache bounded(folder_ / "bounded", uint64_t{100} << 10);
  bounded.put("small", entry(20), Use::kAgain);
  bounded.put("large", entry(26), Use::kAgain);
  EXPECT_TRUE(bounded.find("small"));
  EXPECT_FALSE(bounded.find("large"));
}

TEST_F(FactorCacheTest, BringsAFolderThatIsTooLargeToItsBound) {
  for (int i = 0; i < 10; ++i) cache_.put(std::to_string(i), entry(10), Use::kAgain);
  FactorCache bounded(folder_ / "cache", uint64_t{50} << 10);
  EXPECT_LE(bytes_in(folder_ / "cache"), uint64_t{50} << 10);
  EXPECT_GT(bytes_in(folder_ / "cache"), uint64_t{20} << 10);
}

}  // namespace
}  // namespace isomerge
