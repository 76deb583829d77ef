#include "config/grid.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace isomerge {
namespace {

TEST(Range, HoldsTheNumbersThatItsTextMeans) {
  EXPECT_EQ(expand_range("0.1:1.0:0.1"),
            (std::vector<double>{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}));
  const std::vector<double> long_range = expand_range("0.1:4.0:0.1");
  ASSERT_EQ(long_range.size(), 40u);
  EXPECT_EQ(long_range.back(), 4.0);
  EXPECT_EQ(long_range[28], 2.9);
}

TEST(Range, StopsBeforeAnEndThatIsNotHit) {
  EXPECT_EQ(expand_range("0:1:0.3"), (std::vector<double>{0.0, 0.3, 0.6, 0.9}));
  EXPECT_EQ(expand_range("2:2:1"), std::vector<double>{2.0});
  EXPECT_EQ(expand_range("-1:1:1"), (std::vector<double>{-1.0, 0.0, 1.0}));
}

TEST(Range, ThatIsNoneIsRefused) {
  for (const char* bad : {"1", "1:2", "a:2:1", "1:b:1", "1:2:c", "1:2:1:1", "1:2:0", "1:2:-1",
                          "2:1:1", "::", "0:inf:1", "1:2:"}) {
    expect_mentions(error_message([&] { expand_range(bad); }), {bad, "expected START"});
  }
  expect_mentions(error_message([] { expand_range("0:1:1e-9"); }), {"more than 10000 values"});
}

std::vector<OptionValue> values(const std::string& json, Problems& problems) {
  return axis_values(parse_json(json, "f.json", problems), "alpha", "f.json", problems);
}

TEST(AxisValues, AreAValueAListOrARange) {
  Problems problems;
  using Values = std::vector<OptionValue>;
  EXPECT_EQ(values("0.5", problems), Values{0.5});
  EXPECT_EQ(values("\"fill\"", problems), Values{std::string("fill")});
  EXPECT_EQ(values("[true, 2, \"0.1:0.3:0.1\"]", problems),
            (Values{true, int64_t{2}, 0.1, 0.2, 0.3}));
  EXPECT_EQ(values("\"8:20:6\"", problems), (Values{int64_t{8}, int64_t{14}, int64_t{20}}));
  EXPECT_TRUE(problems.empty());
}

TEST(AxisValues, ThatAreNoneOfTheseAreProblems) {
  for (const char* bad : {"null", "{}", "[[1]]", "[]", "\"1:0:1\"", "[null]"}) {
    Problems problems;
    values(bad, problems);
    expect_mentions(error_message([&] { problems.throw_if_any(); }),
                    {"f.json: line 1", "\"alpha\""});
  }
}

TEST(ParseAxis, TakesValuesAndRangesBetweenCommas) {
  using Values = std::vector<OptionValue>;
  const GridAxis axis = parse_axis("common_fraction=0.5:0.6:0.05,0.8,fill");
  EXPECT_EQ(axis.name, "common_fraction");
  EXPECT_EQ(axis.values, (Values{0.5, 0.55, 0.6, 0.8, std::string("fill")}));
  EXPECT_EQ(parse_axis("k=8:20:6").values, (Values{int64_t{8}, int64_t{14}, int64_t{20}}));
}

TEST(ParseAxis, RefusesWhatNamesNothingOrHoldsNothing) {
  for (const char* bad : {"alpha", "=1", "alpha=", "alpha=1,,2", "alpha=1,"}) {
    expect_mentions(error_message([&] { parse_axis(bad); }), {bad, "NAME=START:END:STEP"});
  }
  expect_mentions(error_message([] { parse_axis("alpha=2:1:1"); }), {"START <= END"});
}

TEST(Multiply, CombinesAllValuesWithTheLastAxisFastest) {
  const std::vector<Options> all =
      multiply({{"a", {int64_t{1}, int64_t{2}}}, {"b", {true, false}}});
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0], (Options{{"a", int64_t{1}}, {"b", true}}));
  EXPECT_EQ(all[1], (Options{{"a", int64_t{1}}, {"b", false}}));
  EXPECT_EQ(all[2], (Options{{"a", int64_t{2}}, {"b", true}}));
  EXPECT_EQ(multiply({}), std::vector<Options>{Options{}});
}

}  // namespace
}  // namespace isomerge
