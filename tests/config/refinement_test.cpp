#include "config/refinement.h"

#include <cmath>

#include <gtest/gtest.h>

namespace isomerge {
namespace {

// A grid of common fractions and alphas, options vary slowest.
Row grid_row() {
  Row row;
  row.method = "iso_cts";
  row.line_length = 3;
  for (const double fraction : {0.6, 0.8}) {
    for (const double alpha : {1.0, 1.5, 2.0}) {
      row.candidates.push_back(
          {{{"common_fraction", fraction}, {"null", std::string("zero")}}, alpha});
    }
  }
  return row;
}

Select rounds(int64_t count) {
  Select select;
  select.axes = {"alpha", "common_fraction", "null"};
  select.refine = count;
  return select;
}

double fraction_of(const Candidate& candidate) {
  return std::get<double>(candidate.options.at("common_fraction"));
}

TEST(Refinement, LooksHalfWayToTheNeighboursOnEveryAxisThatIsANumber) {
  const auto found = candidates_around(grid_row(), 4, {"alpha", "common_fraction", "null"});
  ASSERT_EQ(found.size(), 3u) << "0.8 has no larger neighbour, null is no number";
  EXPECT_EQ(found[0].alpha, 1.25);
  EXPECT_EQ(found[1].alpha, 1.75);
  EXPECT_EQ(fraction_of(found[0]), 0.8);
  EXPECT_EQ(fraction_of(found[2]), 0.7) << "not 0.7000000000000001";
  EXPECT_EQ(found[2].alpha, 1.5);
}

TEST(Refinement, LeavesOutWhatIsThereAndRoundsIntegersDown) {
  Row row;
  row.method = "tsv_m";
  for (const int64_t k : {1, 2, 5}) row.candidates.push_back({{{"k", k}}, 1.0});
  EXPECT_EQ(candidates_around(row, 0, {"k"}).size(), 0u) << "nothing lies between 1 and 2";
  const auto found = candidates_around(row, 1, {"k", "alpha"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(std::get<int64_t>(found[0].options.at("k")), 3);
}

TEST(Refinement, StepsHalveRoundByRoundTowardsTheBest) {
  const auto score = [](const Candidate& candidate) {
    return -std::abs(candidate.alpha.value() - 1.3) - std::abs(fraction_of(candidate) - 0.77);
  };
  const auto best = [&](const Row& row) -> std::optional<size_t> {
    size_t at = 0;
    for (size_t i = 1; i < row.candidates.size(); ++i) {
      if (score(row.candidates[i]) > score(row.candidates[at])) at = i;
    }
    return at;
  };
  double before = -1.0;
  for (const int64_t count : {0, 2, 4, 8}) {
    const Row row = refined_row(grid_row(), rounds(count), best);
    EXPECT_EQ(row.candidates.size(), 6 + row.refined);
    const double reached = score(row.candidates[best(row).value()]);
    EXPECT_GT(reached, before) << count;
    before = reached;
  }
  EXPECT_GT(before, -0.03);
}

TEST(Refinement, WaitsUntilTheBestIsKnownAndLeavesARowWithoutAChoiceAlone) {
  const auto unknown = [](const Row& row) -> std::optional<size_t> {
    if (row.refined > 0) return std::nullopt;
    return 4;
  };
  EXPECT_EQ(refined_row(grid_row(), rounds(5), unknown).refined, 3u) << "one round has begun";
  Row alone;
  alone.candidates.push_back({{}, 1.0});
  EXPECT_EQ(refined_row(alone, rounds(5), unknown).refined, 0u);
}

}  // namespace
}  // namespace isomerge
