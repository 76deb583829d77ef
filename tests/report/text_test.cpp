#include <regex>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "report/compare.h"
#include "report/csv.h"
#include "report/example_table.h"
#include "report/markdown.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

TableRow row(const std::string& method, const std::string& title,
             std::vector<TaskCell> cells = {}) {
  TableRow made;
  made.method = method;
  made.title = title;
  made.cells = std::move(cells);
  return made;
}

Table example_table() {
  ExampleTable example;
  fill_complete(example);
  return example.table();
}

// The interval numbers are checked against a published method in metric; here the form counts.
TEST(Markdown, IsThisText) {
  EXPECT_EQ(markdown_text(example_table()), R"text(## Example

Mean accuracy over tasks in percent, test split; in parentheses normalised by the fine-tuned models.

| Method          | Accuracy (normalised) |  95 % interval |      alpha |
| --------------- | --------------------: | -------------: | ---------: |
| Zero-shot       |         35.00 (40.00) | [19.94, 55.89] |            |
| Fine-tuned      |        90.00 (100.00) | [69.20, 97.17] |            |
| Task Arithmetic |         55.00 (62.50) | [35.51, 72.54] | 0.3 (edge) |
| Iso-C           |         85.00 (95.00) | [63.29, 93.26] |        1.2 |

Accuracy per task in percent:

| Method          | Digits | Fashion |
| --------------- | -----: | ------: |
| Zero-shot       |  30.00 |   40.00 |
| Fine-tuned      | 100.00 |   80.00 |
| Task Arithmetic |  50.00 |   60.00 |
| Iso-C           |  90.00 |   80.00 |

- (edge): the best alpha is an end of its grid; a wider grid may do better.
)text");
}

TEST(Markdown, AlignsTitlesBeyondAsciiAndEscapesPipes) {
  Table table;
  table.rows = {row("a", "Caf\xc3\xa9|x"), row("b", "longer title")};
  const std::string text = markdown_text(table);
  EXPECT_NE(text.find("| Caf\xc3\xa9\\|x      |"), std::string::npos) << text;
  EXPECT_NE(text.find("| longer title |"), std::string::npos) << text;
}

TEST(Markdown, CountsTasksWhereSetsDiffer) {
  Table table;
  table.tasks = {{"a", "A"}, {"b", "B"}};
  table.rows = {row("x", "X", {{"a", Accuracy{1, 2}}}),
                row("x", "X", {{"a", Accuracy{1, 2}}, {"b", {}, {}, {}, "failed"}})};
  std::string text = markdown_text(table);
  EXPECT_NE(text.find("| Method | Tasks | Accuracy"), std::string::npos) << text;
  EXPECT_NE(text.find("| X      |     2 | 50.00 | failed |"), std::string::npos) << text;
  EXPECT_NE(text.find("| X      |     1 | 50.00 |        |"), std::string::npos) << text;
  table.rows[1].cells.erase(table.rows[1].cells.begin());
  text = markdown_text(table);
  EXPECT_NE(text.find("| X      |     B |"), std::string::npos) << "titles where sizes are equal";
}

TEST(Markdown, PutsNotesWhereNumbersAreMissing) {
  Table table;
  table.split = "val";
  table.rows = {row("x", "X")};
  table.rows[0].note = "missing 3 of 8";
  table.footnotes = {"why"};
  const std::string text = markdown_text(table);
  EXPECT_NE(text.find("| X      |        missing 3 of 8 |"), std::string::npos) << text;
  EXPECT_NE(text.find("validation split"), std::string::npos);
  EXPECT_NE(text.find("\n- why\n"), std::string::npos);
}

TEST(Csv, IsThisText) {
  EXPECT_EQ(
      csv_text(example_table()),
      R"text(method,title,tasks,configuration,alpha,alpha_at_edge,accuracy,low,high,normalised,nai,to_best,to_best_low,to_best_high,note
zero_shot,Zero-shot,digits fashion,zero_shot,,false,0.35,0.19943061697311643,0.5588658986384336,0.4,0,,,,
fine_tuned,Fine-tuned,digits fashion,fine_tuned,,false,0.9,0.6920193824872033,0.9716589242728124,1,1,,,,
task_arithmetic,Task Arithmetic,digits fashion,task_arithmetic/alpha=0.3,0.3,true,0.55,0.355102871644559,0.7254448342790631,0.625,0.3928571428571428,-0.30000000000000004,-0.5,-0.1,
iso_c,Iso-C,digits fashion,iso_c/null=zero/alpha=1.2,1.2,false,0.8500000000000001,0.6329133048504432,0.9325898330415926,0.95,0.9285714285714286,,,,
)text");
}

TEST(Csv, OfTasksIsThisText) {
  const std::string text = csv_tasks_text(example_table());
  EXPECT_EQ(
      std::regex_replace(text, std::regex(",[0-9a-f]{32}\n"), ",KEY\n"),
      R"text(method,title,tasks,task,correct,total,accuracy,low,high,normalised,nai,note,record
zero_shot,Zero-shot,digits fashion,digits,3,10,0.3,0.10779126740630099,0.6032218525388546,0.3,0,,KEY
zero_shot,Zero-shot,digits fashion,fashion,4,10,0.4,0.16818032970623617,0.6873262302663417,0.5,0,,KEY
fine_tuned,Fine-tuned,digits fashion,digits,10,10,1,0.7224672001371106,1,1,1,,KEY
fine_tuned,Fine-tuned,digits fashion,fashion,8,10,0.8,0.4901624715366418,0.9433178485456247,1,1,,KEY
task_arithmetic,Task Arithmetic,digits fashion,digits,5,10,0.5,0.236593090512564,0.763406909487436,0.5,0.28571428571428575,,KEY
task_arithmetic,Task Arithmetic,digits fashion,fashion,6,10,0.6,0.3126737697336583,0.8318196702937638,0.7499999999999999,0.4999999999999999,,KEY
iso_c,Iso-C,digits fashion,digits,9,10,0.9,0.5958499732047616,0.9821237869049271,0.9,0.8571428571428573,,KEY
iso_c,Iso-C,digits fashion,fashion,8,10,0.8,0.4901624715366418,0.9433178485456247,1,1,,KEY
)text");
}

TEST(Csv, QuotesWhatNeedsItAndReadsItBack) {
  Table table;
  table.rows = {row("x", "a \"b\", c\nd")};
  table.rows[0].note = ",";
  const auto lines = parse_csv(csv_text(table));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].size(), lines[1].size());
  EXPECT_EQ(lines[1][1], "a \"b\", c\nd");
  EXPECT_EQ(lines[1].back(), ",");
}

TEST(Csv, ReadsWhatRfc4180Allows) {
  using Lines = std::vector<std::vector<std::string>>;
  EXPECT_EQ(parse_csv("a,b\r\n1,\"2\r\n3\"\r\n"), (Lines{{"a", "b"}, {"1", "2\r\n3"}}));
  EXPECT_EQ(parse_csv("a,\n,b"), (Lines{{"a", ""}, {"", "b"}}));
  EXPECT_EQ(parse_csv("\"\"\"\"\n"), (Lines{{"\""}}));
  EXPECT_EQ(parse_csv(""), Lines{});
  expect_mentions(error_message([] { parse_csv("a\n\"b\n"); }), {"line 2", "never closed"});
}

TEST(Json, HoldsTheTable) {
  const auto json = nlohmann::json::parse(json_text(example_table()));
  EXPECT_EQ(json["title"], "Example");
  EXPECT_EQ(json["rows"].size(), 4u);
  const auto& iso = json["rows"][3];
  EXPECT_EQ(iso["configuration"], "iso_c/null=zero/alpha=1.2");
  EXPECT_EQ(iso["alpha"], 1.2);
  EXPECT_EQ(iso["interval"].size(), 2u);
  EXPECT_DOUBLE_EQ(iso["accuracy"], 0.85);
  EXPECT_EQ(iso["tasks"][1]["correct"], 8);
  EXPECT_EQ(iso["tasks"][1]["total"], 10);
  EXPECT_EQ(iso["tasks"][1]["nai"], 1.0);
  EXPECT_EQ(iso["tasks"][1]["record"].get<std::string>().size(), 32u);
  EXPECT_EQ(iso["standing"], "best");
  EXPECT_TRUE(iso["to_best"].is_null());
  EXPECT_EQ(json["rows"][2]["standing"], "second");
  EXPECT_EQ(json["rows"][2]["to_best"]["significant"], true);
  EXPECT_EQ(json["rows"][2]["to_best"]["interval"].size(), 2u);
  EXPECT_TRUE(json["rows"][0]["alpha"].is_null());
  EXPECT_EQ(json["rows"][2]["alpha_at_edge"], true);
  EXPECT_EQ(json["footnotes"].size(), 1u);
  EXPECT_EQ(json["split"], "test");
}

const char* const kReference =
    "method,title,tasks,alpha,accuracy\niso_c,Iso-C,a b,1.2,0.9\naverage,Mean,a,1,0.5\n";

TEST(Compare, OfEqualTablesIsIdentical) {
  EXPECT_TRUE(csv_differences(kReference, kReference).empty());
  EXPECT_EQ(comparison_text({}), "identical\n");
  const std::string text = csv_tasks_text(example_table());
  EXPECT_TRUE(csv_differences(text, text).empty());
}

TEST(Compare, GivesOneLinePerCellThatDiffers) {
  const auto differences = csv_differences(
      kReference,
      "method,title,tasks,alpha,accuracy\naverage,Mean,a,1,0.5\niso_c,Iso-C,a b,1.4,0.875\n");
  ASSERT_EQ(differences.size(), 2u) << "the order of rows does not count";
  EXPECT_EQ(comparison_text(differences),
            "row             column    reference  new    difference\n"
            "Iso-C, 2 tasks  alpha     1.2        1.4    +0.2\n"
            "Iso-C, 2 tasks  accuracy  0.9        0.875  -0.025\n");
}

TEST(Compare, NamesRowsThatOnlyOneTableHas) {
  const auto differences = csv_differences(
      kReference, "method,title,tasks,alpha,accuracy\niso_c,Iso-C,a b,1.2,0.9\nnew,New,a,,\n");
  ASSERT_EQ(differences.size(), 2u);
  EXPECT_EQ(differences[0].row, "Mean, 1 task");
  EXPECT_EQ(differences[0].got, "absent");
  EXPECT_EQ(differences[1].row, "New, 1 task");
  EXPECT_EQ(differences[1].reference, "absent");
}

TEST(Compare, NamesTheTaskInTheLongForm) {
  const std::string head = "method,title,tasks,task,correct\n";
  const auto differences =
      csv_differences(head + "x,X,a b,a,1\nx,X,a b,b,2\n", head + "x,X,a b,a,1\nx,X,a b,b,3\n");
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].row, "X, b");
}

TEST(Compare, RefusesWhatIsNoTable) {
  expect_mentions(error_message([] { csv_differences("", kReference); }),
                  {"reference table", "not a CSV table"});
  expect_mentions(error_message([] { csv_differences(kReference, "a,b,c\n"); }), {"new table"});
  expect_mentions(error_message([] {
                    csv_differences(kReference, "method,title,tasks,alpha,accuracy\nx,X\n");
                  }),
                  {"line 2", "expected 5 fields, got 2"});
  expect_mentions(error_message([] { csv_differences(kReference, "method,title,tasks\n"); }),
                  {"other columns"});
  expect_mentions(
      error_message([] { csv_differences("method,title,tasks\nx,X,a\nx,X,a\n", kReference); }),
      {"line 3", "second row for x, X, a"});
}

}  // namespace
}  // namespace isomerge
