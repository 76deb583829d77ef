#include "config/json_reader.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

JsonValue parse(const std::string& text) {
  Problems problems;
  JsonValue value = parse_json(text, "f.json", problems);
  problems.throw_if_any();
  return value;
}

std::string parse_error(const std::string& text) {
  return error_message([&] { parse(text); });
}

TEST(Json, KeepsTheLineOfEveryKeyAndValue) {
  const JsonValue root = parse(
      "{ // first\n  \"a\": 1,\n  /* two\n lines */ \"b\":\n    [true,\n"
      "2.5\n, null], \"c\": \"x\"\n}\n");
  ASSERT_EQ(root.members.size(), 3u);
  EXPECT_EQ(root.line, 1);
  EXPECT_EQ(root.members[0].line, 2);
  EXPECT_EQ(root.members[0].value.line, 2);
  EXPECT_EQ(root.members[1].line, 4);
  EXPECT_EQ(root.members[1].value.line, 5);
  EXPECT_EQ(root.members[1].value.items[0].line, 5);
  EXPECT_EQ(root.members[1].value.items[1].line, 6) << "a number that ends its line";
  EXPECT_EQ(root.members[1].value.items[2].line, 7);
  EXPECT_EQ(root.members[2].line, 7);
}

TEST(Json, KeepsKindsAndValues) {
  const JsonValue root = parse(
      R"({"n": null, "b": true, "i": -3, "u": 18446744073709551615, "d": 2.0, "s": "\u00e9", "l": []})");
  using Kind = JsonValue::Kind;
  const auto& m = root.members;
  EXPECT_TRUE(m[0].value.is(Kind::kNull));
  EXPECT_TRUE(m[1].value.is(Kind::kBool) && m[1].value.boolean);
  EXPECT_TRUE(m[2].value.is(Kind::kInt) && m[2].value.is_number());
  EXPECT_EQ(m[2].value.integer, -3);
  EXPECT_EQ(m[2].value.number, -3.0);
  EXPECT_TRUE(m[3].value.is(Kind::kDouble));
  EXPECT_EQ(m[3].value.number, 18446744073709551615.0);
  EXPECT_TRUE(m[4].value.is(Kind::kDouble) && m[4].value.is_number());
  EXPECT_EQ(m[4].value.number, 2.0);
  EXPECT_EQ(m[5].value.text, "\xc3\xa9");
  EXPECT_TRUE(m[6].value.is(Kind::kList));
  EXPECT_FALSE(m[5].value.is_number());
}

TEST(Json, SaysTheLineOfASyntaxError) {
  expect_mentions(parse_error("{\n  \"a\": 1,\n  \"b\": }\n"), {"f.json: line 3: not valid JSON"});
  expect_mentions(parse_error("{\n\"a\": 1\n\"b\": 2}"), {"line 3"});
  expect_mentions(parse_error(""), {"line 1", "not valid JSON"});
  expect_mentions(parse_error("{} x"), {"not valid JSON"});
  expect_mentions(parse_error("{\"a\": 1e999}"), {"line 1", "not valid JSON"});
  expect_mentions(parse_error("{\"a\": \"\xff\"}"), {"not valid JSON"});
  expect_mentions(parse_error("{\"a\": 1 /* no end"), {"not valid JSON"});
}

TEST(Json, MessagesAreFreeOfTheParsersOwnPrefix) {
  EXPECT_EQ(parse_error("{").find("json.exception"), std::string::npos);
}

TEST(Json, RefusesDuplicateKeysWithBothLines) {
  expect_mentions(parse_error("{\n\"a\": 1,\n\"a\": 2}"),
                  {"line 3", "\"a\" given twice", "line 2"});
  EXPECT_NO_THROW(parse("{\"a\": {\"x\": 1}, \"b\": {\"x\": 2}}"));
}

TEST(Json, KeepsTheFirstOfDuplicates) {
  Problems problems;
  const JsonValue root = parse_json("{\"a\": 1, \"a\": 2}", "f.json", problems);
  ASSERT_EQ(root.members.size(), 1u);
  EXPECT_EQ(root.members[0].value.integer, 1);
}

TEST(Json, RefusesDeepNesting) {
  expect_mentions(parse_error(std::string(1'000'000, '[')), {"64 levels"});
  EXPECT_NO_THROW(parse(std::string(64, '[') + std::string(64, ']')));
  expect_mentions(parse_error(std::string(65, '[') + std::string(65, ']')), {"64 levels"});
}

TEST(Json, CutAnywhereIsAnErrorAndNothingWorse) {
  const std::string text = "{\"a\": [1, 2.5, {\"b\": \"\\u00e9 x\"}], /* c */ \"d\": true} ";
  for (size_t length = 0; length + 1 < text.size(); ++length) {
    EXPECT_FALSE(parse_error(text.substr(0, length)).empty());
  }
}

TEST(Json, NamesAFileThatIsNotThere) {
  Problems problems;
  expect_mentions(error_message([&] { read_json("no/such.json", problems); }), {"no/such.json"});
}

TEST(Problems, OfOneFileComeOutByLine) {
  Problems problems;
  EXPECT_NO_THROW(problems.throw_if_any());
  EXPECT_TRUE(problems.empty());
  problems.add("b.json", 9, "late");
  problems.add("a.json", 1, "other file");
  problems.add("b.json", 2, "early");
  problems.add("b.json", 0, "no line");
  EXPECT_FALSE(problems.empty());
  EXPECT_EQ(error_message([&] { problems.throw_if_any(); }),
            "4 problems:\n  b.json: no line\n  b.json: line 2: early\n  b.json: line 9: late\n"
            "  a.json: line 1: other file");
}

TEST(Problems, SingleOneIsOneLine) {
  Problems problems;
  problems.add("a.json", 3, "fact");
  EXPECT_EQ(error_message([&] { problems.throw_if_any(); }), "a.json: line 3: fact");
}

// Runs `read` over the object in `text` and returns the report.
std::string report(const std::string& text, const std::function<void(ObjectReader&)>& read) {
  Problems problems;
  const JsonValue root = parse_json(text, "f.json", problems);
  ObjectReader reader(root, "the thing", "f.json", problems);
  read(reader);
  return error_message([&] { problems.throw_if_any(); });
}

TEST(ObjectReader, NamesUnknownKeysWithLineAndNearest) {
  const std::string message = report("{\"alpha\": 1,\n\"metod\": 2}", [](ObjectReader& reader) {
    reader.find("alpha");
    reader.find("method");
    reader.finish();
  });
  EXPECT_EQ(message,
            "f.json: line 2: unknown key \"metod\" in the thing (nearest: \"method\"); known: "
            "alpha, method");
}

TEST(ObjectReader, ReportsWrongTypes) {
  expect_mentions(
      report("{\"k\": 1}", [](ObjectReader& r) { EXPECT_EQ(r.find_string("k", "f"), "f"); }),
      {"line 1", "\"k\"", "expected a text", "got a whole number"});
  expect_mentions(
      report("{\"k\": 1}", [](ObjectReader& r) { EXPECT_EQ(r.require_string("k"), ""); }),
      {"expected a text"});
  expect_mentions(
      report("{\"k\": 1.5}", [](ObjectReader& r) { EXPECT_EQ(r.find_int("k", 7, 0), 7); }),
      {"expected a whole number", "got a number"});
  expect_mentions(
      report("{\"k\": 0}", [](ObjectReader& r) { EXPECT_TRUE(r.find_bool("k", true)); }),
      {"expected true or false"});
  expect_mentions(report("{\"k\": \"1\"}",
                         [](ObjectReader& r) { EXPECT_FALSE(r.find_number("k").has_value()); }),
                  {"expected a number, got a text"});
  expect_mentions(report("{\"k\": [\"a\", 2]}",
                         [](ObjectReader& r) {
                           EXPECT_EQ(r.find_strings("k"), std::vector<std::string>{"a"});
                         }),
                  {"expected texts, got a whole number"});
  expect_mentions(report("{\"k\": {}}", [](ObjectReader& r) { r.find_strings("k"); }),
                  {"expected a text or a list of texts, got an object"});
  expect_mentions(report("{\"k\": null}", [](ObjectReader& r) { r.find_string("k", ""); }),
                  {"got null"});
  expect_mentions(report("{\"k\": true}", [](ObjectReader& r) { r.find_string("k", ""); }),
                  {"got true or false"});
}

TEST(ObjectReader, ReportsValuesOutOfRangeAndUnknownChoices) {
  expect_mentions(report("{\"k\": -1}", [](ObjectReader& r) { r.find_int("k", 0, 0); }),
                  {"at least 0, got -1"});
  expect_mentions(report("{\"k\": \"tset\"}",
                         [](ObjectReader& r) {
                           EXPECT_EQ(r.find_choice("k", "val", {"val", "test"}), "val");
                         }),
                  {"one of val, test", "got \"tset\"", "nearest: \"test\""});
  expect_mentions(report("{\"k\": \"\"}", [](ObjectReader& r) { r.require_string("k"); }),
                  {"\"k\"", "empty"});
}

TEST(ObjectReader, ReportsMissingKeysAndValuesThatAreNoObjects) {
  EXPECT_EQ(report("{\n}", [](ObjectReader& r) { EXPECT_EQ(r.require("k"), nullptr); }),
            "f.json: line 1: the thing: key \"k\" is missing");
  EXPECT_EQ(report("[1]",
                   [](ObjectReader& r) {
                     r.require("k");
                     r.finish();
                   }),
            "f.json: line 1: the thing: expected an object, got a list");
}

TEST(ObjectReader, ReturnsWhatIsThereAndFallbacksForTheRest) {
  Problems problems;
  const JsonValue root = parse_json(
      R"({"s": "x", "i": 3, "n": 4, "b": true, "c": "val", "l": ["p", "q"], "one": "p"})", "f.json",
      problems);
  ObjectReader reader(root, "the thing", "f.json", problems);
  EXPECT_EQ(reader.find_string("s", ""), "x");
  EXPECT_EQ(reader.require_string("s"), "x");
  EXPECT_EQ(reader.find_int("i", 0, 3), 3);
  EXPECT_EQ(reader.find_number("n"), 4.0);
  EXPECT_TRUE(reader.find_bool("b", false));
  EXPECT_EQ(reader.find_choice("c", "test", {"val", "test"}), "val");
  EXPECT_EQ(reader.find_strings("l"), (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(reader.find_strings("one"), std::vector<std::string>{"p"});
  EXPECT_EQ(reader.find_string("absent", "f"), "f");
  EXPECT_EQ(reader.find_int("absent", 5, 9), 5);
  EXPECT_FALSE(reader.find_bool("absent", false));
  EXPECT_EQ(reader.find_choice("absent", "f", {}), "f");
  EXPECT_FALSE(reader.find_number("absent").has_value());
  EXPECT_TRUE(reader.find_strings("absent").empty());
  reader.finish();
  EXPECT_TRUE(problems.empty());
}

}  // namespace
}  // namespace isomerge
