#include "base/text.h"

#include <limits>

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace isomerge {
namespace {

using Names = std::vector<std::string>;

TEST(FindNearest, AllowsSlipsButNotOtherWords) {
  const Names known = {"common_fraction", "alpha", "method"};
  EXPECT_EQ(find_nearest("comon_fraction", known), "common_fraction");
  EXPECT_EQ(find_nearest("ALPHA", known), "alpha") << "case is ignored";
  EXPECT_EQ(find_nearest("mehtodd", known), "method") << "two edits";
  EXPECT_EQ(find_nearest("xlpxh", known), std::nullopt);
  EXPECT_EQ(find_nearest("precision", known), std::nullopt);
  EXPECT_EQ(find_nearest("x", {}), std::nullopt);
}

TEST(FindNearest, AllowsAThirdOfTheLength) {
  EXPECT_EQ(find_nearest("abcdefghXXXX", {"abcdefghijkl"}), "abcdefghijkl") << "4 of 12";
  EXPECT_EQ(find_nearest("abcdefgXXXXX", {"abcdefghijkl"}), std::nullopt) << "5 of 12";
}

TEST(FindNearest, TakesTheClosestAndTheFirstOfEqualOnes) {
  EXPECT_EQ(find_nearest("iso_d", {"iso_cts", "iso_c"}), "iso_c");
  EXPECT_EQ(find_nearest("iso_x", {"iso_a", "iso_b"}), "iso_a");
  EXPECT_EQ(find_nearest("iso_cst", {"iso_c", "iso_cts"}), "iso_cts") << "a swap is one edit";
  EXPECT_EQ(find_nearest("ba", {"bxy", "ab"}), "ab");
}

TEST(NearestHint, IsReadyToAppend) {
  EXPECT_EQ(nearest_hint("alhpa", {"alpha"}), " (nearest: \"alpha\")");
  EXPECT_EQ(nearest_hint("quite else", {"alpha"}), "");
}

TEST(Glob, MatchesTheWholeName) {
  EXPECT_TRUE(glob_matches("visual.*.weight", "visual.block.3.weight"));
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_TRUE(glob_matches("a?c", "abc"));
  EXPECT_TRUE(glob_matches("*ab", "aab")) << "the star has to take back what it gave";
  EXPECT_TRUE(glob_matches("a*b*c", "a--b-b--c"));
  EXPECT_TRUE(glob_matches("a**", "a"));
  EXPECT_TRUE(glob_matches("", ""));
  EXPECT_FALSE(glob_matches("", "a"));
  EXPECT_FALSE(glob_matches("a?c", "ac"));
  EXPECT_FALSE(glob_matches("weight", "a.weight"));
  EXPECT_FALSE(glob_matches("a.b", "axb")) << "a dot is a dot";
  EXPECT_FALSE(glob_matches("a*b", "a*bc"));
  EXPECT_FALSE(glob_matches("[ab]", "a"));
}

TEST(Glob, TakesNoExponentialTime) {
  EXPECT_FALSE(glob_matches("*a*a*a*a*a*a*a*a*a*a*b", std::string(5000, 'a')));
}

TEST(Utf8, IsRecognisedAsTheStandardDefinesIt) {
  for (const char* good : {"", "visual.proj", "\xC2\x80", "\xC3\xA9", "\xE2\x82\xAC",
                           "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF", "\xEE\x80\x80"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  EXPECT_TRUE(is_utf8(std::string(1, '\0')));
  for (const char* bad :
       {"\x80", "\xFF", "a\xC3", "\xC3(", "\xE2\x82", "\xE2\x28\xA1", "\xC0\xAF", "\xE0\x80\xAF",
        "\xF0\x82\x82\xAC", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

TEST(NumberText, IsTheShortestThatReadsBack) {
  EXPECT_EQ(number_text(0.1), "0.1");
  EXPECT_EQ(number_text(1.0), "1");
  EXPECT_EQ(number_text(-0.5), "-0.5");
  EXPECT_EQ(number_text(0.1 + 0.2), "0.30000000000000004");
  for (const double value : {1.0 / 3, 1e-300, 1.7976931348623157e308, 5e-324, 123456789.0, 1e22}) {
    EXPECT_EQ(parse_number(number_text(value)), value) << number_text(value);
  }
}

TEST(ParseNumber, TakesAWholeFiniteNumberOnly) {
  EXPECT_EQ(parse_number("-1.5e3"), -1500.0);
  for (const char* bad : {"", " 1", "1 ", "1x", "x", "inf", "nan", "1e999", "0x10", "1,5", "+1"}) {
    EXPECT_EQ(parse_number(bad), std::nullopt) << bad;
  }
}

TEST(Join, PutsTheSeparatorBetween) {
  EXPECT_EQ(join({"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(join({"a"}, ", "), "a");
  EXPECT_EQ(join({}, ", "), "");
}

TEST(WithCommas, GroupsByThree) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(with_commas(std::numeric_limits<uint64_t>::max()), "18,446,744,073,709,551,615");
}

TEST(HumanBytes, TakesTheLargestUnitThatIsAtLeastOne) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(uint64_t{2} << 30), "2.0 GiB");
  EXPECT_EQ(human_bytes(uint64_t{5000} << 40), "5000.0 TiB");
}

TEST(HumanBytes, NeverRoundsUpToAThousandAndTwentyFour) {
  EXPECT_EQ(human_bytes((uint64_t{1} << 20) - 1), "1.0 MiB");
  EXPECT_EQ(human_bytes((uint64_t{1} << 30) - 1), "1.0 GiB");
}

TEST(ParseBytes, KnowsDecimalAndBinaryUnitsInAnyCase) {
  EXPECT_EQ(parse_bytes("4096"), 4096u);
  EXPECT_EQ(parse_bytes("512B"), 512u);
  EXPECT_EQ(parse_bytes("3KB"), 3000u);
  EXPECT_EQ(parse_bytes("3KiB"), 3072u);
  EXPECT_EQ(parse_bytes("2MB"), 2'000'000u);
  EXPECT_EQ(parse_bytes("1.5 MiB"), 3u << 19);
  EXPECT_EQ(parse_bytes("5gb"), 5'000'000'000u);
  EXPECT_EQ(parse_bytes("5GiB"), uint64_t{5} << 30);
  EXPECT_EQ(parse_bytes("1TB"), 1'000'000'000'000u);
  EXPECT_EQ(parse_bytes("2TIB"), uint64_t{2} << 40);
  EXPECT_EQ(parse_bytes("0"), 0u);
  EXPECT_EQ(parse_bytes("1.0001B"), 1u) << "no fractions of a byte";
}

TEST(ParseBytes, RefusesWhatIsNoSize) {
  for (const char* text : {"", "GiB", "5 GiX", "-1", "1e9", "1.2.3MB", "5GiB ", "0x10", "nan"}) {
    expect_mentions(error_message([&] { parse_bytes(text); }),
                    {std::string("got \"") + text + "\"", "5GiB"});
  }
  expect_mentions(error_message([] { parse_bytes("99999999TiB"); }), {"more than any file"});
  expect_mentions(error_message([] { parse_bytes(std::string(400, '9')); }), {"expected a size"});
}

TEST(HumanSeconds, ReadsAsAPersonSaysIt) {
  EXPECT_EQ(human_seconds(0.0), "0.00 s");
  EXPECT_EQ(human_seconds(0.423), "0.42 s");
  EXPECT_EQ(human_seconds(12.3), "12 s");
  EXPECT_EQ(human_seconds(99.4), "99 s");
  EXPECT_EQ(human_seconds(185.0), "3 min 05 s");
  EXPECT_EQ(human_seconds(3599.0), "59 min 59 s");
  EXPECT_EQ(human_seconds(7800.0), "2 h 10 min");
}

// Rounding must not leave a unit's own range: 9.999 is ten seconds, 99.9 is a hundred.
TEST(HumanSeconds, RoundsIntoTheNextUnit) {
  EXPECT_EQ(human_seconds(9.999), "10 s");
  EXPECT_EQ(human_seconds(99.9), "1 min 40 s");
  EXPECT_EQ(human_seconds(3599.9), "1 h 00 min");
}

TEST(ShapeText, IsAsInMessages) {
  EXPECT_EQ(shape_text({768, 512}), "[768, 512]");
  EXPECT_EQ(shape_text({}), "[]");
}

}  // namespace
}  // namespace isomerge
