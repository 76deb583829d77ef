#include "dataset/text_set.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

const std::string kChoice =
    R"({"split": "val", "prompt": "Red or blue?", "choices": ["red", "blue"], "answer": 1, "template": 0})";
const std::string kWritten = R"({"split": "test", "prompt": "Past of go", "answers": ["went"]})";

class TextSetTest : public testing::Test {
 protected:
  TextSet read(const std::string& text) { return TextSet(folder_.write("a.jsonl", text)); }

  // The message, which names file and line.
  std::string refusal(const std::string& line, int number = 2) {
    const std::string message = error_message([&] { read(kChoice + "\n" + line + "\n"); });
    expect_mentions(message, {(folder_ / "a.jsonl").string() + ":" + std::to_string(number)});
    return message;
  }

  TemporaryFolder folder_;
};

TEST_F(TextSetTest, ExamplesComeBySplitInTheOrderOfTheFile) {
  const TextSet set =
      read(R"({"split": "val", "prompt": "1", "choices": ["a", "b"], "answer": 0})"
           "\n\n"
           R"({"split": "test", "prompt": "2", "choices": ["a", "b", "c"], "answer": 2})"
           "\n"
           R"({"split": "val", "prompt": "3", "choices": ["a", "b"], "answer": 1})");
  ASSERT_EQ(set.examples().size(), 3u);
  EXPECT_EQ(set.require_split("val").begin, 0);
  EXPECT_EQ(set.require_split("val").end, 2);
  EXPECT_EQ(set.require_split("test").size(), 1);
  EXPECT_EQ(set.examples()[1].prompt, "3");
  EXPECT_EQ(set.examples()[1].line, 4);
  EXPECT_EQ(set.examples()[1].target(), "b");
  EXPECT_EQ(set.examples()[2].target(), "c");
  EXPECT_TRUE(set.has_choices());
  expect_mentions(error_message([&] { set.require_split("train"); }),
                  {"a.jsonl", "no split \"train\"", "val, test"});
}

TEST_F(TextSetTest, TheFirstAnswerIsTheTargetWhereAnswersAreWritten) {
  const TextSet set = read(kWritten);
  EXPECT_FALSE(set.has_choices());
  EXPECT_EQ(set.examples()[0].target(), "went");
}

TEST_F(TextSetTest, RefusesALineThatCannotBeAnswered) {
  expect_mentions(refusal(R"({"split": "val", "prompt": "x"})"),
                  {"neither \"choices\" nor \"answers\""});
  expect_mentions(refusal(R"({"split": "val", "prompt": "x", "choices": [], "answer": 0})"),
                  {"\"choices\"", "at least 2", "got 0"});
  expect_mentions(refusal(R"({"split": "val", "prompt": "x", "choices": ["a"], "answer": 0})"),
                  {"at least 2", "got 1"});
  expect_mentions(refusal(R"({"split": "val", "prompt": "x", "choices": ["a", "b"]})"),
                  {"\"answer\" is missing"});
  expect_mentions(refusal(R"({"split": "val", "prompt": "x", "choices": ["a", "b"], "answer": 2})"),
                  {"expected 0 to 1", "got 2"});
  expect_mentions(refusal(R"({"split": "val", "prompt": "x", "choices": ["a", " "], "answer": 0})"),
                  {"\"choices\", number 2 is empty"});
  expect_mentions(refusal(R"({"split": "val", "prompt": "x", "answers": []})"), {"at least 1"});
}

TEST_F(TextSetTest, RefusesAnEmptyPrompt) {
  for (const char* prompt : {"", "  ", "\\n\\t"}) {
    expect_mentions(refusal(std::string(R"({"split": "val", "prompt": ")") + prompt +
                            R"(", "choices": ["a", "b"], "answer": 0})"),
                    {"\"prompt\" is empty"});
  }
}

TEST_F(TextSetTest, RefusesWhatIsNoExample) {
  expect_mentions(refusal("{\"split\": \"val\", "), {"not a line of JSON"});
  expect_mentions(refusal("[1]"), {"expected an object"});
  expect_mentions(refusal(R"({"split": "val", "promt": "x", "choices": ["a", "b"], "answer": 0})"),
                  {"unknown key \"promt\"", "\"prompt\""});
  expect_mentions(refusal(R"({"prompt": "x", "choices": ["a", "b"], "answer": 0})"),
                  {"\"split\" is missing"});
  expect_mentions(refusal(kWritten), {"with choices and with answers"});
  expect_mentions(error_message([&] { read("\n\n"); }), {"a.jsonl", "expected examples"});
}

}  // namespace
}  // namespace isomerge
