#include <gtest/gtest.h>

#include "report/csv.h"
#include "report/markdown.h"
#include "report/published.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

class PublishedMeans : public testing::Test {
 protected:
  PublishedMeans() {
    table_.title = "Example";
    table_.split = "test";
    table_.tasks = {{"digits", "Digits"}, {"fashion", "Fashion"}};
    for (const char* method : {"zero_shot", "iso_c", "ties"}) {
      TableRow row;
      row.method = method;
      row.title = method;
      row.cells = {{"digits"}, {"fashion"}};
      row.accuracy = 0.9;
      table_.rows.push_back(row);
    }
    table_.rows[2].accuracy.reset();
    table_.rows[2].note = "missing 2 of 2";
  }

  void add(const std::string& lines, const std::string& table = "#one") {
    add_published(folder_.write("published.csv", "table,method,tasks,accuracy,normalised\n" + lines)
                          .string() +
                      table,
                  &table_);
  }

  TemporaryFolder folder_;
  Table table_;
};

TEST_F(PublishedMeans, StandBesideRowsOfTheirMethodAndNumberOfTasks) {
  add("one,zero_shot,2,48.3,\none,pcb,2,76.3,\none,iso_c,3,1,2\none,iso_c,2,84.1,92.5\none,ties,2,"
      "70,80\n"
      "two,iso_c,2,5,5\n");
  EXPECT_DOUBLE_EQ(table_.rows[0].published->accuracy.value(), 0.483);
  EXPECT_FALSE(table_.rows[0].published->normalised.has_value());
  EXPECT_DOUBLE_EQ(table_.rows[1].published->accuracy.value(), 0.841);
  EXPECT_DOUBLE_EQ(table_.rows[1].published->normalised.value(), 0.925);
  const std::string text = markdown_text(table_);
  expect_mentions(text, {"Published", "Difference", "84.1 (92.5)", "+5.9", "+41.7", "70.0 (80.0)",
                         "Published, without a row here: pcb 76.3 (2 tasks)."});
  expect_mentions(csv_text(table_), {",published,published_normalised", ",0.841,0.925"});
}

TEST_F(PublishedMeans, MayBeNormalisedOnly) {
  table_.rows[0].normalised = 0.7;
  table_.rows.push_back(table_.rows[1]);
  table_.rows.back().title = "iso_c (r sum)";
  table_.rows.back().normalised = 0.75;
  add("one,zero_shot,2,,71.5\none,iso_c,2,,73.6\none,pcb,2,,64.5\n");
  EXPECT_FALSE(table_.rows[0].published->accuracy.has_value());
  EXPECT_DOUBLE_EQ(table_.rows[0].published->normalised.value(), 0.715);
  EXPECT_FALSE(table_.rows[2].published.has_value());
  const std::string text = markdown_text(table_);
  expect_mentions(text, {"|    (71.5) |     (-1.5) |", "|    (73.6) |     (+1.4) |",
                         "Published, without a row here: pcb 64.5 normalised (2 tasks)."});
  EXPECT_DOUBLE_EQ(table_.rows[1].published->normalised.value(), 0.736);
  EXPECT_DOUBLE_EQ(table_.rows[3].published->normalised.value(), 0.736)
      << "the paper does not say which of the rows is its own";
  expect_mentions(csv_text(table_), {",,0.715", ",,0.736"});
}

TEST_F(PublishedMeans, ChangeNoTableWithoutThem) {
  EXPECT_EQ(markdown_text(table_).find("Published"), std::string::npos);
  EXPECT_EQ(csv_text(table_).find("published"), std::string::npos);
}

TEST_F(PublishedMeans, OfAWrongFileAreRefused) {
  expect_mentions(error_message([&] { add("one,iso_c,2,x,\n"); }),
                  {"published.csv: line 2: accuracy", "\"x\""});
  expect_mentions(error_message([&] { add("one,iso_c,2,,\n"); }),
                  {"published.csv: line 2: accuracy"});
  expect_mentions(error_message([&] { add("one,iso_c,2,5,\n", "#three"); }),
                  {"published.csv", "\"three\""});
}

}  // namespace
}  // namespace isomerge
