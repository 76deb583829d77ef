#include "store/outcomes.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace isomerge {
namespace {

// RFC 4648, section 10: "f" -> "Zg==", "fo" -> "Zm8=", "foo" -> "Zm9v"; 'f' is 01100110.
TEST(Outcomes, AreBase64OfBitsPackedFromTheHighest) {
  const Outcomes f = {false, true, true, false, false, true, true, false};
  Outcomes fo = f;
  for (const bool bit : {0, 1, 1, 0, 1, 1, 1, 1}) fo.push_back(bit);
  Outcomes foo = fo;
  for (const bool bit : {0, 1, 1, 0, 1, 1, 1, 1}) foo.push_back(bit);
  EXPECT_EQ(outcomes_text(f), "Zg==");
  EXPECT_EQ(outcomes_text(fo), "Zm8=");
  EXPECT_EQ(outcomes_text(foo), "Zm9v");
  EXPECT_EQ(outcomes_text({}), "");
  EXPECT_EQ(outcomes_text({true}), "gA==");
}

TEST(Outcomes, OfEveryLengthComeBack) {
  for (size_t count = 0; count < 70; ++count) {
    Outcomes outcomes;
    for (size_t i = 0; i < count; ++i) outcomes.push_back((i * i + i / 3) % 3 == 0);
    EXPECT_EQ(parse_outcomes(outcomes_text(outcomes), count), outcomes) << count;
  }
}

TEST(Outcomes, RefuseTextThatIsNotTheirs) {
  const struct {
    const char* text;
    size_t count;
  } bad[] = {{"gA==", 9},     {"gA==", 0}, {"gA=", 1},  {"", 1},
             {"gA==gA==", 1}, {"g*==", 1}, {"wA==", 1},  // a stray second bit
             {"gB==", 1},                                // a stray bit beyond the byte
             {"gA", 1},       {"====", 1}, {"gA== ", 1}};
  for (const auto& one : bad) {
    expect_mentions(error_message([&] { parse_outcomes(one.text, one.count); }), {"outcomes"});
  }
}

TEST(Outcomes, ThatAreRightInPartAreDecimalsThatReadBackExactly) {
  const Outcomes outcomes = {1.0f, 0.0f, 2.0f / 3.0f, 0.5f, 0.1f};
  EXPECT_EQ(outcomes_text(outcomes), "values 1,0,0.6666667,0.5,0.1");
  EXPECT_EQ(parse_outcomes(outcomes_text(outcomes), 5), outcomes);
  for (const char* text : {"values 1,0", "values 0.5,2", "values 0.5,-1", "values 0.5,x",
                           "values 0.50,0", "values 0.5,", "values 0.5,nan"}) {
    expect_mentions(error_message([&] { parse_outcomes(text, 2); }), {"outcomes"});
  }
}

// A damaged count must not ask for memory.
TEST(Outcomes, RefuseAHugeCountWithoutAllocatingIt) {
  error_message([] { parse_outcomes("gA==", static_cast<size_t>(-1) / 2); });
}

}  // namespace
}  // namespace isomerge
