#include "metric/squad.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace isomerge {
namespace {

TEST(NormalisedAnswer, HasNoCasePunctuationArticlesOrExtraSpace) {
  EXPECT_EQ(normalised_answer("  The  quick,\tbrown Fox's \n(an) A-1!"), "quick brown foxs a1");
  EXPECT_EQ(normalised_answer("the"), "");
  EXPECT_EQ(normalised_answer("theatre another a"), "theatre another");
}

// By hand: 2 of 3 and of 2 words in common, F1 = 2 * 2 / 5.
TEST(ScoreAnswer, IsTheBestOverTheReferences) {
  const AnswerScore partly = score_answer("two red balls", {"blue", "red balls"});
  EXPECT_EQ(partly.exact_match, 0.0);
  EXPECT_DOUBLE_EQ(partly.f1, 0.8);
  const AnswerScore right = score_answer("The red balls.", {"two red balls", "red balls"});
  EXPECT_EQ(right.exact_match, 1.0);
  EXPECT_DOUBLE_EQ(right.f1, 1.0);
  EXPECT_EQ(score_answer("green", {"red"}).f1, 0.0);
}

TEST(ScoreAnswer, CountsRepeatedWordsAsOftenAsTheyAreInBoth) {
  EXPECT_DOUBLE_EQ(score_answer("red red red", {"red red blue"}).f1, 2.0 * 2.0 / 6.0);
}

TEST(ScoreAnswer, OfNothingIsRightOnlyIfNothingIsWanted) {
  EXPECT_EQ(score_answer("", {"red"}).exact_match, 0.0);
  EXPECT_EQ(score_answer("", {"the"}).exact_match, 1.0);
  EXPECT_EQ(score_answer("", {"the"}).f1, 0.0);  // as in the official script
}

TEST(ScoreAnswer, NeedsReferences) {
  expect_mentions(error_message([] { score_answer("x", {}); }, Fault::kInternal), {"references"});
}

}  // namespace
}  // namespace isomerge
