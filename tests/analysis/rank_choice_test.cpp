#include "analysis/rank_choice.h"

#include <vector>

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace isomerge {
namespace {

EnergyRule rule(RankRule which, double epsilon = 0.05, bool off_by_one = false) {
  return {which, epsilon, off_by_one, 0.0};
}

int64_t rank_of(const RankChoice& choice, const std::vector<double>& s) {
  return chosen_rank(choice, at::tensor(s, at::kDouble));
}

// Squares 9 4 1 1 1, together 16.
const std::vector<double> kSpectrum = {3, 2, 1, 1, 1};

TEST(ChosenRank, OfThePaperIsTheSmallestWhoseRelativeErrorIsAtMostEpsilon) {
  EXPECT_EQ(rank_of(rule(RankRule::kPaper, 0.25), kSpectrum), 4) << "1 of 16 left: just 0.25";
  EXPECT_EQ(rank_of(rule(RankRule::kPaper, 0.24), kSpectrum), 5);
  EXPECT_EQ(rank_of(rule(RankRule::kPaper, 0.5), kSpectrum), 2) << "3 of 16 left";
  EXPECT_EQ(rank_of(rule(RankRule::kPaper, 0.0), kSpectrum), 5);
}

TEST(ChosenRank, OfTheCodeIsTheSmallestThatKeepsMoreThanTheRestOfOne) {
  EXPECT_EQ(rank_of(rule(RankRule::kCode, 0.25), kSpectrum), 2) << "3/4 is not more than 0.75";
  EXPECT_EQ(rank_of(rule(RankRule::kCode, 0.5), kSpectrum), 1);
  EXPECT_EQ(rank_of(rule(RankRule::kCode, 0.01), kSpectrum), 5);
  EXPECT_EQ(rank_of(rule(RankRule::kCode, 0.0), kSpectrum), 5) << "nothing keeps more than all";
}

TEST(ChosenRank, OffByOneLeavesOutTheDirectionThatCrosses) {
  EXPECT_EQ(rank_of(rule(RankRule::kCode, 0.25, true), kSpectrum), 1);
  EXPECT_EQ(rank_of(rule(RankRule::kCode, 0.5, true), kSpectrum), 0);
}

// Iso-C gives such spectra; 693 is what the public script takes.
TEST(ChosenRank, OfAFlatSpectrumDiffersMuchBetweenTheRules) {
  const at::Tensor flat = at::full({768}, 0.25, at::kDouble);
  EXPECT_EQ(chosen_rank(rule(RankRule::kPaper), flat), 767);
  EXPECT_EQ(chosen_rank(rule(RankRule::kCode), flat), 694);
  EXPECT_EQ(chosen_rank(rule(RankRule::kCode, 0.05, true), flat), 693);
}

TEST(ChosenRank, OfZerosIsZero) {
  EXPECT_EQ(rank_of(rule(RankRule::kPaper), {0, 0}), 0);
  EXPECT_EQ(rank_of(rule(RankRule::kCode), {0, 0}), 0);
  EXPECT_EQ(chosen_rank(rule(RankRule::kPaper), at::zeros({0}, at::kDouble)), 0);
}

TEST(ChosenRank, CanBeAskedOfTheInterpolatedSpectrum) {
  EnergyRule halfway = rule(RankRule::kPaper);
  EXPECT_EQ(rank_of(halfway, {4, 0}), 1);
  halfway.beta = 0.5;  // 3 1
  EXPECT_EQ(rank_of(halfway, {4, 0}), 2);
}

TEST(ChosenRank, AsANumberIsAtMostRAndAsAShareTheNearestNumber) {
  EXPECT_EQ(rank_of(RankCount{3}, kSpectrum), 3);
  EXPECT_EQ(rank_of(RankCount{9}, kSpectrum), 5);
  EXPECT_EQ(rank_of(RankFraction{0.5}, kSpectrum), 3) << "2.5 rounds away from zero";
  EXPECT_EQ(rank_of(RankFraction{0.25}, kSpectrum), 1);
  EXPECT_EQ(rank_of(RankFraction{1.0}, kSpectrum), 5);
}

TEST(RankText, NamesTheRuleWithEverythingThatChangesIt) {
  EXPECT_EQ(rank_text(rule(RankRule::kPaper)), "paper, epsilon 0.05");
  EXPECT_EQ(rank_text(EnergyRule{RankRule::kCode, 0.1, true, 0.5}),
            "code, epsilon 0.1, off by one, beta 0.5");
  EXPECT_EQ(rank_text(RankCount{64}), "k = 64");
  EXPECT_EQ(rank_text(RankFraction{0.25}), "k = 0.25 r");
}

}  // namespace
}  // namespace isomerge
