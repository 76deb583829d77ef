#include "factor/factor_memory.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <gtest/gtest.h>

#include "factor/factor_cache.h"
#include "factor/factors.h"
#include "linalg/svd.h"
#include "merge/iso_c.h"
#include "merge/iso_cts.h"
#include "merge/tsv_m.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

Factors factors_in(FactorStore* store, int64_t m, int64_t n, std::optional<int64_t> least = {}) {
  std::vector<Update> updates;
  FactorSource source;
  source.store = store;
  source.least_common = least;
  for (int t = 0; t < 3; ++t) {
    updates.emplace_back(random_tensor({m, n}, 1 + static_cast<uint64_t>(t)).to(at::kFloat));
    source.update_keys.push_back("update " + std::to_string(t));
  }
  return Factors(std::move(updates), std::move(source));
}

TEST(FactorMemory, HoldsWhatItWasGivenAndCountsWhatItServes) {
  FactorMemory memory;
  EXPECT_FALSE(memory.find("a").has_value());
  memory.put("a", {{"x", at::arange(3)}}, Use::kAtHand);
  EXPECT_EQ(memory.shared(), 0);
  EXPECT_TRUE(memory.find("a")->at("x").equal(at::arange(3)));
  EXPECT_EQ(memory.shared(), 1);
}

TEST(FactorMemory, PassesOnWhatIsOfUseAgainAndReadsTheStoreBehindItOnce) {
  const TemporaryFolder folder;
  FactorCache cache(folder / "cache");
  FactorMemory first(&cache);
  first.put("again", {{"x", at::arange(3)}}, Use::kAgain);
  first.put("at hand", {{"x", at::arange(3)}}, Use::kAtHand);
  EXPECT_EQ(cache.counts().computed, 1);
  FactorMemory second(&cache);
  EXPECT_TRUE(second.find("again").has_value());
  EXPECT_TRUE(second.find("again").has_value());
  EXPECT_FALSE(second.find("at hand").has_value());
  EXPECT_EQ(cache.counts().reused, 1);
  EXPECT_EQ(second.shared(), 1);
}

TEST(FactorMemory, MergesThatShareFactorsEqualThoseThatDoNot) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{24, 40}, {40, 24}, {30, 30}}) {
    for (const std::optional<int64_t> least :
         {std::optional<int64_t>(), std::optional<int64_t>(6)}) {
      FactorMemory memory;
      for (const double fraction : {0.3, 0.5, 0.8, 0.95}) {
        const IsoCtsOptions options{.common_fraction = fraction};
        const at::Tensor alone = merge_iso_cts(factors_in(nullptr, m, n), options).update;
        const at::Tensor shared = merge_iso_cts(factors_in(&memory, m, n, least), options).update;
        EXPECT_LE(relative_error(shared, alone), 1e-6) << m << " x " << n << ", " << fraction;
      }
      EXPECT_LE(relative_error(merge_iso_c(factors_in(&memory, m, n)).update,
                               merge_iso_c(factors_in(nullptr, m, n)).update),
                1e-6);
      EXPECT_LE(relative_error(merge_tsv_m(factors_in(&memory, m, n)).update,
                               merge_tsv_m(factors_in(nullptr, m, n)).update),
                1e-6);
    }
  }
}

TEST(FactorMemory, WhatIsKeptFromTheLeastCommonSpaceOnServesAllLargerOnes) {
  FactorMemory memory;
  merge_iso_cts(factors_in(&memory, 24, 40, 12), {.common_fraction = 0.5});
  const int64_t before = memory.shared();
  merge_iso_cts(factors_in(&memory, 24, 40, 12), {.common_fraction = 0.75});
  EXPECT_EQ(memory.shared() - before, 3 + 3 * 3)
      << "the sum twice and its isometry; projection, block and norm per task";
}

// Updates whose values fall as those of trained experts, m > n.
Factors falling_factors(FactorStore* store) {
  std::vector<Update> updates;
  FactorSource source;
  source.store = store;
  for (int t = 0; t < 3; ++t) {
    const auto seed = static_cast<uint64_t>(100 + 2 * t);
    const at::Tensor values = at::arange(160, at::kDouble).div(30).add(1).pow(-1.7);
    const at::Tensor left = random_orthonormal(240, 160, seed) * values;
    updates.emplace_back(at::matmul(left, random_orthonormal(160, 160, seed + 1)).to(at::kFloat));
    source.update_keys.push_back("update " + std::to_string(t));
  }
  return Factors(std::move(updates), std::move(source));
}

TEST(FactorMemory, AMergeBesideItsNeighboursIsTheMergeAloneInAnyOrder) {
  for (const std::vector<double>& fractions :
       {std::vector<double>{0.6, 0.75, 0.9}, {0.9, 0.75, 0.6}, {0.75, 0.75}}) {
    FactorMemory memory;
    for (const double fraction : fractions) {
      const IsoCtsOptions options{.common_fraction = fraction};
      const Merged got = merge_iso_cts(falling_factors(&memory), options);
      const Merged want = merge_iso_cts(falling_factors(nullptr), options);
      EXPECT_LE(relative_error(got.update.to(at::kDouble), want.update.to(at::kDouble)), 1e-6)
          << fraction;
      EXPECT_EQ(got.findings.cut, want.findings.cut);
      EXPECT_EQ(got.findings.fallbacks, 0);
    }
  }
}

TEST(FactorMemory, TheIsometryOfTheSumGrowsFromThatOfANeighbour) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{24, 40}, {40, 24}}) {
    FactorMemory memory;
    const Factors factors = factors_in(&memory, m, n);
    const Factors::SumVectors vectors = factors.sum_vectors(24);
    const Svd svd = thin_svd(factors.sum()).leading(24);
    for (const int64_t k : {5, 9, 9, 7, 24}) {
      const at::Tensor got = factors.leading_isometry(vectors, k);
      const at::Tensor want = at::matmul(svd.u.narrow(1, 0, k), svd.vt.narrow(0, 0, k));
      EXPECT_EQ(got.scalar_type(), at::kFloat);
      EXPECT_LE(relative_error(got.to(at::kDouble), want), 1e-6) << k;
    }
  }
  const Factors alone = factors_in(nullptr, 24, 40);
  EXPECT_FALSE(alone.leading_isometry(alone.sum_vectors(24), 9).defined());
}

}  // namespace
}  // namespace isomerge
