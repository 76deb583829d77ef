#include "report/ranking.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "config/mask_rows.h"
#include "report/csv.h"
#include "report/example_table.h"
#include "report/latex.h"
#include "report/markdown.h"

namespace isomerge {
namespace {

// Merging rows over both tasks, each with one candidate and its correct answers of ten.
Table merged_table(ExampleTable& example, const std::vector<std::vector<int>>& correct) {
  example.experiment().rows.reserve(8);
  const std::vector<std::string> methods = {"average", "ties", "iso_c", "iso_cts"};
  for (size_t i = 0; i < correct.size(); ++i) {
    example.put(example.add_row(methods[i], {1.0}), 0, "test", correct[i]);
  }
  return example.table();
}

TEST(Ranking, PutsTheTwoBestMergedModelsFirst) {
  ExampleTable example;
  const Table table = merged_table(example, {{5, 5}, {9, 9}, {8, 7}});
  EXPECT_EQ(table.rows[0].standing, Standing::kNone);
  EXPECT_EQ(table.rows[1].standing, Standing::kBest);
  EXPECT_EQ(table.rows[2].standing, Standing::kSecond);
  EXPECT_FALSE(table.rows[1].to_best.has_value());
  EXPECT_DOUBLE_EQ(table.rows[0].to_best->value, -0.4);
  EXPECT_DOUBLE_EQ(table.rows[2].to_best->value, -0.15);
}

TEST(Ranking, LeavesOutRowsThatAreNoMergedModel) {
  ExampleTable example;
  fill_complete(example);
  Row masks{"tall_mask", 1, {"digits", "fashion"}, {}, 1};
  masks.candidates.push_back({{{"lambda", 0.4}}, 1.0, own_masks(masks.task_set)});
  example.experiment().rows.push_back(masks);
  example.put(example.experiment().rows.back(), 0, "test", {10, 10});
  const Table table = example.table();
  for (const size_t i : {0u, 1u, 4u}) {
    EXPECT_EQ(table.rows[i].standing, Standing::kNone) << table.rows[i].title;
    EXPECT_FALSE(table.rows[i].to_best.has_value());
  }
  EXPECT_EQ(table.rows[3].standing, Standing::kBest);
  EXPECT_EQ(table.rows[2].standing, Standing::kSecond);
}

TEST(Ranking, ComparesOnlyRowsOfTheSameTasks) {
  ExampleTable example;
  example.experiment().rows.reserve(2);
  example.put(example.add_row("average", {1.0}, {"digits"}), 0, "test", {9});
  example.put(example.add_row("iso_c", {1.0}, {"fashion"}), 0, "test", {3});
  const Table table = example.table();
  EXPECT_EQ(table.rows[0].standing, Standing::kBest);
  EXPECT_EQ(table.rows[1].standing, Standing::kBest);
}

TEST(Ranking, SharesARankBetweenEqualRows) {
  ExampleTable example;
  const Table table = merged_table(example, {{9, 9}, {9, 9}, {8, 8}, {8, 8}});
  EXPECT_EQ(table.rows[0].standing, Standing::kBest);
  EXPECT_EQ(table.rows[1].standing, Standing::kBest);
  EXPECT_EQ(table.rows[2].standing, Standing::kSecond);
  EXPECT_EQ(table.rows[3].standing, Standing::kSecond);
}

TEST(Ranking, MarksWhatTheExamplesCannotTellApart) {
  ExampleTable example;
  const Table table = merged_table(example, {{2, 1}, {9, 9}, {9, 8}});
  EXPECT_FALSE(table.rows[0].is_tied());
  EXPECT_FALSE(table.rows[1].is_tied());
  EXPECT_TRUE(table.rows[2].is_tied());
  ASSERT_EQ(std::count_if(table.footnotes.begin(), table.footnotes.end(),
                          [](const std::string& note) {
                            return note.find("paired bootstrap") != std::string::npos;
                          }),
            1);
  EXPECT_NE(markdown_text(table).find("† 85.00"), std::string::npos);
  EXPECT_EQ(markdown_text(table).find("† 90.00"), std::string::npos);
  EXPECT_NE(csv_text(table).find(",-0.05,"), std::string::npos);
}

TEST(Ranking, NeedsNoFootnoteWhereEveryDifferenceIsSignificant) {
  ExampleTable example;
  const Table table = merged_table(example, {{0, 0}, {10, 10}});
  for (const std::string& note : table.footnotes) {
    EXPECT_EQ(note.find("bootstrap"), std::string::npos) << note;
  }
}

TEST(Latex, SetsTheBestBoldAndTheSecondUnderlined) {
  ExampleTable example;
  const std::string text = latex_text(merged_table(example, {{5, 5}, {9, 9}, {8, 7}}));
  EXPECT_NE(text.find("TIES-Merging     & \\textbf{90.00}"), std::string::npos) << text;
  EXPECT_NE(text.find("& $^\\dagger$\\underline{75.00}"), std::string::npos) << text;
  EXPECT_NE(text.find("Weight Averaging & 50.00"), std::string::npos) << text;
  EXPECT_NE(text.find("Digits  & 50.00            & \\textbf{90.00} & \\underline{80.00} \\\\"),
            std::string::npos)
      << text;
  for (const char* word : {"\\toprule", "\\midrule", "\\bottomrule", "\\usepackage{booktabs}"}) {
    EXPECT_NE(text.find(word), std::string::npos) << word;
  }
}

TEST(Latex, PutsTheTaskSetsOfAMethodIntoOneLine) {
  ExampleTable example;
  example.experiment().rows.reserve(3);
  example.put(example.add_row("average", {1.0}, {"digits"}), 0, "test", {9});
  example.put(example.add_row("average", {1.0}), 0, "test", {9, 5});
  example.put(example.add_row("iso_c", {1.0}), 0, "test", {3, 3});
  const std::string text = latex_text(example.table());
  EXPECT_NE(text.find("Method           & 1 task         & 2 tasks"), std::string::npos) << text;
  EXPECT_NE(text.find("Weight Averaging & \\textbf{90.00} & \\textbf{70.00}"), std::string::npos)
      << text;
}

TEST(Latex, PrintsEveryCharacterAsItIs) {
  EXPECT_EQ(latex_escaped("a_b & 5 % of {x} \\ ~^ # $ †"),
            "a\\_b \\& 5 \\% of \\{x\\} \\textbackslash{} \\textasciitilde{}\\textasciicircum{} "
            "\\# \\$ $\\dagger$");
}

}  // namespace
}  // namespace isomerge
