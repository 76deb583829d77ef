#include "metric/selection.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace isomerge {
namespace {

std::vector<CandidateScore> known(const std::vector<double>& values) {
  std::vector<CandidateScore> scores;
  for (const double value : values) scores.push_back(CandidateScore::known(value));
  return scores;
}

const CandidateScore kMissing;

using Indices = std::vector<size_t>;

TEST(Patience, StopsAfterThatManyCandidatesWithoutStrictImprovement) {
  EXPECT_TRUE(search_goes_on(known({}), 3));
  EXPECT_TRUE(search_goes_on(known({0.5, 0.4, 0.4}), 3));
  EXPECT_FALSE(search_goes_on(known({0.5, 0.4, 0.4, 0.4}), 3));
  EXPECT_FALSE(search_goes_on(known({0.5, 0.4}), 1));
}

TEST(Patience, EqualIsNoImprovementAndABetterOneStartsAnew) {
  EXPECT_FALSE(search_goes_on(known({0.5, 0.5, 0.5}), 2));
  EXPECT_TRUE(search_goes_on(known({0.5, 0.4, 0.6, 0.5}), 2));
  EXPECT_FALSE(search_goes_on(known({0.5, 0.4, 0.6, 0.5, 0.5}), 2));
}

// 0.45 is better than its neighbour but not than the best so far.
TEST(Patience, ImprovementIsOverTheBestSoFar) {
  EXPECT_FALSE(search_goes_on(known({0.5, 0.4, 0.45, 0.46}), 3));
}

TEST(Patience, OfZeroNeverStops) { EXPECT_TRUE(search_goes_on(known({5, 4, 3, 2, 1, 0}), 0)); }

TEST(Patience, AFailedCandidateIsNoImprovement) {
  EXPECT_FALSE(search_goes_on({CandidateScore::failed(), CandidateScore::failed()}, 2));
  EXPECT_TRUE(search_goes_on({CandidateScore::failed(), CandidateScore::known(0.0)}, 2));
}

TEST(Choice, TakesTheFirstOfTheHighest) {
  EXPECT_EQ(choose_candidate(known({0.1, 0.7, 0.7, 0.3}), 4, 0).index, 1u);
  EXPECT_EQ(choose_candidate(known({0.7, 0.1}), 2, 0).index, 0u);
}

// Two lines of two and three refined ones, which no patience keeps from being looked at.
TEST(Choice, RefinedCandidatesAreAllLookedAtAndMayWin) {
  const auto scores = known({0.5, 0.4, 0.6, 0.3, 0.1, 0.7, 0.2});
  const Choice choice = choose_candidate(scores, 2, 1, 3);
  EXPECT_EQ(choice.index, 5u);
  EXPECT_FALSE(choice.at_edge);
  EXPECT_EQ(choice.looked_at.size(), 7u);
  EXPECT_EQ(choose_candidate(known({0.5, 0.4, 0.7, 0.7}), 2, 0, 2).index, 2u) << "the first";
  EXPECT_EQ(choose_candidate({scores[0], scores[1], kMissing}, 2, 0, 1).missing, Indices{2});
  EXPECT_EQ(choose_candidate(known({0.5, 0.4, 0.3}), 2, 0, 1).at_edge, true) << "of the grid";
  EXPECT_EQ(error_message([&] { choose_candidate(scores, 2, 0, 2); }, Fault::kInternal),
            "7 candidates, 2 of them refined, in lines of 2");
}

TEST(Choice, AtAnEndOfItsLineIsMarked) {
  EXPECT_TRUE(choose_candidate(known({0.9, 0.1, 0.2}), 3, 0).at_edge);
  EXPECT_FALSE(choose_candidate(known({0.1, 0.9, 0.2}), 3, 0).at_edge);
  EXPECT_TRUE(choose_candidate(known({0.1, 0.2, 0.9}), 3, 0).at_edge);
  // Ends of each line of a grid with two axes.
  EXPECT_TRUE(choose_candidate(known({0.1, 0.2, 0.3, 0.9, 0.1, 0.2}), 3, 0).at_edge);
  EXPECT_FALSE(choose_candidate(known({0.1, 0.2, 0.3, 0.1, 0.9, 0.2}), 3, 0).at_edge);
}

TEST(Choice, WithoutAnAlphaGridHasNoEdge) {
  EXPECT_FALSE(choose_candidate(known({0.1, 0.9}), 1, 0).at_edge);
}

TEST(Choice, DoesNotSeeWhatPatienceCutsOff) {
  const Choice choice = choose_candidate(known({0.5, 0.4, 0.3, 0.9}), 4, 2);
  EXPECT_EQ(choice.index, 0u);
  EXPECT_EQ(choice.looked_at, (Indices{0, 1, 2}));
}

TEST(Choice, PatienceStartsAnewOnEveryLine) {
  const Choice choice = choose_candidate(known({0.5, 0.4, 0.9, 0.3, 0.6, 0.1}), 3, 1);
  EXPECT_EQ(choice.looked_at, (Indices{0, 1, 3, 4, 5}));
  EXPECT_EQ(choice.index, 4u);
}

TEST(Choice, WithPatienceAsksForOneMissingCandidatePerLine) {
  const Choice choice = choose_candidate({CandidateScore::known(0.5), kMissing, kMissing, kMissing,
                                          kMissing, CandidateScore::known(0.9)},
                                         3, 2);
  EXPECT_EQ(choice.missing, (Indices{1, 3}));
  EXPECT_EQ(choice.index, 0u);
}

TEST(Choice, WithoutPatienceAsksForAllMissingCandidates) {
  const Choice choice = choose_candidate({kMissing, CandidateScore::known(0.5), kMissing}, 3, 0);
  EXPECT_EQ(choice.missing, (Indices{0, 2}));
  EXPECT_EQ(choice.looked_at, (Indices{0, 1, 2}));
}

TEST(Choice, ListsFailedCandidatesAndChoosesAmongTheOthers) {
  const Choice choice = choose_candidate(
      {CandidateScore::failed(), CandidateScore::known(0.2), CandidateScore::failed()}, 3, 0);
  EXPECT_EQ(choice.failed, (Indices{0, 2}));
  EXPECT_EQ(choice.index, 1u);
  EXPECT_TRUE(choice.missing.empty());
}

TEST(Choice, IsEmptyIfNothingIsKnown) {
  EXPECT_FALSE(choose_candidate({CandidateScore::failed()}, 1, 0).index.has_value());
  EXPECT_FALSE(choose_candidate({}, 1, 0).index.has_value());
}

TEST(Choice, RefusesGridsThatAreNoLines) {
  error_message([] { choose_candidate(known({1, 2, 3}), 2, 0); }, Fault::kInternal);
  error_message([] { choose_candidate(known({1}), 0, 0); }, Fault::kInternal);
}

}  // namespace
}  // namespace isomerge
