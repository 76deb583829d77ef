#include "report/table.h"

#include <functional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "report/csv.h"
#include "report/example_table.h"
#include "report/labels.h"
#include "report/markdown.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

bool mentions(const std::vector<std::string>& notes, const std::string& text) {
  for (const std::string& note : notes) {
    if (note.find(text) != std::string::npos) return true;
  }
  return false;
}

TEST(Table, HoldsMeansOfTheChosenCandidateOnTheReportsSplit) {
  ExampleTable example;
  fill_complete(example);
  const Table table = example.table();
  ASSERT_EQ(table.rows.size(), 4u);
  const TableRow& iso = table.rows[3];
  EXPECT_EQ(iso.title, "Iso-C");
  EXPECT_EQ(iso.chosen, "iso_c/null=zero/alpha=1.2");
  EXPECT_EQ(iso.alpha, 1.2) << "the first of two equal ones";
  EXPECT_FALSE(iso.alpha_at_edge);
  EXPECT_DOUBLE_EQ(*iso.accuracy, 0.85);
  EXPECT_DOUBLE_EQ(*iso.normalised, (0.9 / 1.0 + 0.8 / 0.8) / 2);
  const Interval want = mean_interval({{9, 10}, {8, 10}});
  EXPECT_DOUBLE_EQ(iso.interval->low, want.low);
  EXPECT_DOUBLE_EQ(iso.interval->high, want.high);
  ASSERT_EQ(iso.cells.size(), 2u);
  EXPECT_EQ(iso.cells[1].accuracy, (Accuracy{8, 10}));
  EXPECT_DOUBLE_EQ(*iso.cells[1].normalised, 1.0);
  EXPECT_DOUBLE_EQ(*table.rows[0].accuracy, 0.35);
  EXPECT_DOUBLE_EQ(*table.rows[1].normalised, 1.0);
  EXPECT_FALSE(table.rows[0].alpha.has_value());
  EXPECT_EQ(table.rows[0].chosen, "zero_shot");
}

// Computed by hand from the cells of fill_complete().
TEST(Table, HasMeansWithoutTheTasksThatTheReportLeavesOut) {
  ExampleTable example;
  fill_complete(example);
  EXPECT_EQ(markdown_text(example.table()).find("Without"), std::string::npos);
  EXPECT_EQ(csv_text(example.table()).find("without"), std::string::npos);
  example.experiment().report_without = {"fashion"};
  const Row& alone = example.add_row("iso_c", {1.0}, {"fashion"}, {{"null", std::string("zero")}});
  example.put(alone, 0, "test", {7});
  const Table table = example.table();
  EXPECT_EQ(table.without, "Fashion");
  EXPECT_DOUBLE_EQ(table.rows[3].without->accuracy, 0.9);
  EXPECT_DOUBLE_EQ(table.rows[3].without->normalised.value(), 0.9);
  EXPECT_DOUBLE_EQ(*table.rows[3].accuracy, 0.85) << "the table's own mean has all tasks";
  EXPECT_DOUBLE_EQ(table.rows[0].without->accuracy, 0.3);
  EXPECT_FALSE(table.rows[4].without) << "nothing is left of a row of that task alone";
  const std::string text = markdown_text(table);
  expect_mentions(text, {"Without Fashion |", " 90.00 (90.00) |"});
  expect_mentions(csv_text(table), {",without,accuracy_without,normalised_without\n",
                                    ",Fashion,0.9,0.9\n", ",,,\n"});
  const auto json = nlohmann::json::parse(json_text(table));
  EXPECT_EQ(json["without"], "Fashion");
  EXPECT_EQ(json["rows"][3]["without"]["accuracy"], 0.9);
  EXPECT_FALSE(json["rows"][4].contains("without"));
  example.experiment().report_without = {"digits", "fashion"};
  EXPECT_FALSE(example.table().rows[3].without) << "nothing is left";
}

TEST(Table, PrintsWhatIsToBeKnownOfItsTasksAndOfTheEncoder) {
  ExampleTable example;
  fill_complete(example);
  example.experiment().suite.tasks[1].note = "its test images were trained on";
  example.experiment().suite.tasks.push_back({"kanji", "Kanji", {}, {}, {}, "not shown"});
  const Table table = example.table();
  EXPECT_TRUE(mentions(table.footnotes, "Fashion: its test images were trained on"));
  EXPECT_FALSE(mentions(table.footnotes, "not shown")) << "no row has that task";
  EXPECT_FALSE(mentions(table.footnotes, "bf16"));
  example.experiment().bf16_encoder = true;
  EXPECT_TRUE(mentions(example.table().footnotes, "bf16"));
}

// The experiment looks for records of today's files, split and encoder: whatever else is stored
// leaves a hole, not a number.
TEST(Table, ACellOfOtherFilesSplitOrPrecisionIsMissingAndNothingIsAveragedOverIt) {
  const auto rest = [](const std::function<void(ExampleTable&)>& change) {
    ExampleTable example;
    fill_complete(example);
    change(example);
    return example.table().rows[3];
  };
  const TableRow same = rest([](ExampleTable&) {});
  EXPECT_TRUE(same.accuracy.has_value());
  const TableRow data = rest([](ExampleTable& it) { it.plan().tasks["fashion"].data = "d3"; });
  EXPECT_FALSE(data.accuracy || data.normalised || data.interval || data.nai);
  EXPECT_NE(data.note.find("missing"), std::string::npos) << data.note;
  const TableRow expert = rest([](ExampleTable& it) { it.plan().tasks["digits"].expert = "x3"; });
  EXPECT_FALSE(expert.accuracy.has_value());
  const TableRow split = rest([](ExampleTable& it) { it.experiment().report_split = "val"; });
  EXPECT_DOUBLE_EQ(*split.accuracy, 0.8) << "9 and 7 of ten on val, both from there";
  const TableRow bf16 = rest([](ExampleTable& it) { it.experiment().bf16_encoder = true; });
  EXPECT_FALSE(bf16.accuracy.has_value());
}

TEST(Table, MarksAnOptimumAtTheEdgeOfItsGrid) {
  ExampleTable example;
  fill_complete(example);
  const Table table = example.table();
  EXPECT_TRUE(table.rows[2].alpha_at_edge);
  EXPECT_EQ(table.rows[2].alpha, 0.3);
  EXPECT_TRUE(mentions(table.footnotes, "(edge)"));
  EXPECT_EQ(table.footnotes.size(), 1u);
}

TEST(Table, ChoosesOnTheTasksThatCountAndSaysSo) {
  ExampleTable example;
  example.experiment().rows.reserve(2);
  example.put(example.add_row("fine_tuned", {}), 0, "val", {10, 8});
  const Row& sum = example.add_row("task_arithmetic", {0.1, 0.2, 0.3});
  example.put(sum, 0, "val", {9, 1});
  example.put(sum, 1, "val", {7, 7});
  example.put(sum, 2, "val", {1, 8});
  EXPECT_EQ(example.table().rows[1].alpha, 0.2);
  EXPECT_FALSE(mentions(example.table().footnotes, "alone"));
  example.experiment().select.tasks = {"digits"};
  EXPECT_EQ(example.table().rows[1].alpha, 0.1);
  EXPECT_TRUE(mentions(example.table().footnotes, "chooses on Digits alone"));
  example.experiment().select.tasks = {"fashion"};
  EXPECT_EQ(example.table().rows[1].alpha, 0.3);
}

// Digits by 0.5 in the place of the expert's 10 of 10, fashion by the expert's 8 of 10.
TEST(Table, DividesByAccuraciesThatTheSuiteGivesAndSaysSo) {
  ExampleTable example;
  fill_complete(example);
  const char* const note = "divide by accuracies that the suite gives";
  EXPECT_FALSE(mentions(example.table().footnotes, note));
  example.experiment().suite.tasks[0].normalise_by = 0.5;
  const Table table = example.table();
  EXPECT_TRUE(mentions(table.footnotes, note));
  const TableRow& iso = table.rows[3];
  EXPECT_DOUBLE_EQ(*iso.accuracy, 0.85);
  EXPECT_DOUBLE_EQ(*iso.cells[0].normalised, 0.9 / 0.5);
  EXPECT_DOUBLE_EQ(*iso.cells[1].normalised, 0.8 / 0.8);
  EXPECT_DOUBLE_EQ(*iso.normalised, (0.9 / 0.5 + 0.8 / 0.8) / 2);
  EXPECT_DOUBLE_EQ(*iso.cells[0].nai, (0.9 - 0.3) / (0.5 - 0.3));
  EXPECT_DOUBLE_EQ(*table.rows[1].normalised, (1.0 / 0.5 + 1.0) / 2) << "the experts too";
}

// With digits divided by 0.3 their gain outweighs what fashion loses.
TEST(Table, ChoosesByAccuraciesThatTheSuiteGives) {
  ExampleTable example;
  example.experiment().rows.reserve(2);
  example.put(example.add_row("fine_tuned", {}), 0, "val", {10, 5});
  const Row& sum = example.add_row("task_arithmetic", {0.1, 0.2});
  example.put(sum, 0, "val", {5, 5});
  example.put(sum, 1, "val", {7, 3});
  EXPECT_EQ(example.table().rows[1].alpha, 0.1);
  example.experiment().suite.tasks[0].normalise_by = 0.3;
  EXPECT_EQ(example.table().rows[1].alpha, 0.2);
}

// Denominators come from the split that is divided: 8 of 10 on validation, 4 of 10 on test.
TEST(Table, NormalisesEachSplitByItself) {
  ExampleTable example;
  example.experiment().rows.reserve(2);
  const Row& tuned = example.add_row("fine_tuned", {}, {"digits"});
  example.put(tuned, 0, "val", {8});
  example.put(tuned, 0, "test", {4});
  const Row& average = example.add_row("average", {1.0}, {"digits"});
  example.put(average, 0, "test", {2});
  EXPECT_DOUBLE_EQ(*example.table().rows[1].normalised, 0.5);
  EXPECT_EQ(example.table().rows[1].alpha, 1.0) << "one candidate needs no validation record";
}

TEST(Table, ReportsTheSplitThatIsAskedFor) {
  ExampleTable example;
  fill_complete(example);
  example.experiment().report_split = "val";
  EXPECT_DOUBLE_EQ(*example.table().rows[3].accuracy, 0.8);
  EXPECT_EQ(example.table().split, "val");
}

TEST(Table, StopsSearchingWhereTheRunnerDid) {
  ExampleTable example;
  example.experiment().select.patience = 1;
  example.experiment().rows.reserve(2);
  const Row& tuned = example.add_row("fine_tuned", {}, {"digits"});
  example.put(tuned, 0, "val", {10});
  example.put(tuned, 0, "test", {10});
  const Row& iso = example.add_row("iso_c", {1, 2, 3, 4}, {"digits"});
  example.put(iso, 0, "val", {5});
  example.put(iso, 1, "val", {6});
  example.put(iso, 2, "val", {6});
  example.put(iso, 1, "test", {7});
  EXPECT_DOUBLE_EQ(*example.table().rows[1].accuracy, 0.7) << "4 is never looked at";
  example.experiment().select.patience = 2;
  EXPECT_EQ(example.table().rows[1].note, "missing: 1 of 4 candidates on validation");
}

TEST(Table, SaysWhatIsMissing) {
  ExampleTable example;
  example.experiment().rows.reserve(4);
  const Row& zero = example.add_row("zero_shot", {});
  example.put(zero, 0, "test", {3});
  example.add_row("iso_c", {1.0, 1.2});
  const Table table = example.table();
  EXPECT_EQ(table.rows[0].note, "missing 1 of 2");
  EXPECT_FALSE(table.rows[0].accuracy.has_value());
  EXPECT_EQ(table.rows[0].cells[0].note, "");
  EXPECT_EQ(table.rows[0].cells[1].note, "missing");
  EXPECT_EQ(table.rows[1].note, "missing: 2 of 2 candidates on validation");
  EXPECT_EQ(table.rows[1].cells[0].note, "missing");
  EXPECT_TRUE(table.rows[1].chosen.empty());
}

TEST(Table, ExplainsFailures) {
  ExampleTable example;
  fill_complete(example);
  auto& rows = example.experiment().rows;
  example.store().put(failed_record(example.run(rows[3], 1, "fashion", "test"), "weights are NaN"));
  example.store().put(failed_record(example.run(rows[2], 1, "digits", "val"), "x"));
  const Table table = example.table();
  EXPECT_EQ(table.rows[3].note, "failed 1 of 2");
  EXPECT_EQ(table.rows[3].cells[1].note, "failed");
  EXPECT_TRUE(mentions(table.footnotes, "Iso-C, fashion: failed: weights are NaN"));
  EXPECT_TRUE(mentions(table.footnotes, "Task Arithmetic: 1 of 3 candidates failed"));
  EXPECT_EQ(table.rows[2].alpha, 0.3) << "chosen among those that did not fail";
  for (size_t i = 0; i < 3; ++i) {
    example.store().put(failed_record(example.run(rows[2], i, "digits", "val"), "x"));
  }
  EXPECT_EQ(example.table().rows[2].note, "failed: all candidates on validation");
  EXPECT_EQ(example.table().rows[2].cells[0].note, "failed");
}

TEST(Table, WithoutFineTunedResultsShowsNoNormalisedOnes) {
  ExampleTable example;
  example.put(example.add_row("zero_shot", {}), 0, "test", {3, 4});
  const Table table = example.table();
  EXPECT_DOUBLE_EQ(*table.rows[0].accuracy, 0.35);
  EXPECT_FALSE(table.rows[0].normalised.has_value());
  EXPECT_TRUE(mentions(table.footnotes, "No normalised accuracy"));
}

// The experiment file got a task after it was run.
TEST(Table, TreatsATaskThatThePlanLacksAsMissing) {
  ExampleTable example;
  fill_complete(example);
  example.plan().tasks.erase("fashion");
  const Table table = example.table();
  EXPECT_EQ(table.rows[0].note, "missing 1 of 2");
  EXPECT_EQ(table.rows[3].note, "missing: 3 of 3 candidates on validation");
}

TEST(Table, HasColumnsForTheTasksOfItsRowsInSuiteOrder) {
  ExampleTable example;
  example.add_row("zero_shot", {}, {"fashion"});
  ASSERT_EQ(example.table().tasks.size(), 1u);
  EXPECT_EQ(example.table().tasks[0].title, "Fashion");
  example.add_row("fine_tuned", {}, {"digits"});
  ASSERT_EQ(example.table().tasks.size(), 2u);
  EXPECT_EQ(example.table().tasks[0].task, "digits");
}

Row iso_cts(double fraction, std::vector<double> alphas) {
  Row row{"iso_cts", 1, {"digits"}, {}, alphas.size()};
  for (const double alpha : alphas) {
    row.candidates.push_back(
        {{{"common_fraction", fraction}, {"null", std::string("zero")}}, alpha});
  }
  return row;
}

TEST(RowTitles, NameWhatTellsRowsOfOneMethodApart) {
  EXPECT_EQ(row_titles({iso_cts(0.8, {1, 2}), iso_cts(0.9, {1, 2}), fine_tuned_row({"digits"})}),
            (std::vector<std::string>{"Iso-CTS (common_fraction 0.8)",
                                      "Iso-CTS (common_fraction 0.9)", "Fine-tuned"}));
  EXPECT_EQ(row_titles({iso_cts(0.8, {1}), iso_cts(0.8, {2})}),
            (std::vector<std::string>{"Iso-CTS (alpha 1)", "Iso-CTS (alpha 2)"}));
  EXPECT_EQ(row_titles({iso_cts(0.8, {1, 2})}), std::vector<std::string>{"Iso-CTS"});
}

TEST(SelectedText, NamesChosenOptionsOtherThanAlpha) {
  Row row = iso_cts(0.8, {1, 2});
  EXPECT_EQ(selected_text(row, row.candidates[0]), "");
  const Row other = iso_cts(0.9, {1, 2});
  row.candidates.insert(row.candidates.end(), other.candidates.begin(), other.candidates.end());
  EXPECT_EQ(selected_text(row, row.candidates[2]), "common_fraction=0.9");
}

TEST(Table, TellsOptionsChosenOnValidation) {
  ExampleTable example;
  example.experiment().rows.reserve(2);
  const Row& tuned = example.add_row("fine_tuned", {}, {"digits"});
  example.put(tuned, 0, "val", {10});
  Row both = iso_cts(0.8, {1});
  const Row other = iso_cts(0.9, {1});
  both.candidates.push_back(other.candidates[0]);
  example.experiment().rows.push_back(both);
  example.put(both, 0, "val", {5});
  example.put(both, 1, "val", {6});
  example.put(both, 1, "test", {6});
  EXPECT_EQ(example.table().rows[1].selected, "common_fraction=0.9");
  EXPECT_EQ(example.table().rows[1].title, "Iso-CTS");
  EXPECT_NE(markdown_text(example.table()).find("common_fraction=0.9 |"), std::string::npos);
}

TEST(Report, OfTheSameRecordsIsTheSameBytes) {
  ExampleTable one, two;
  fill_complete(one);
  fill_complete(two);
  EXPECT_EQ(markdown_text(one.table()), markdown_text(two.table()));
  EXPECT_EQ(csv_text(one.table()), csv_text(two.table()));
  EXPECT_EQ(csv_tasks_text(one.table()), csv_tasks_text(two.table()));
  EXPECT_EQ(json_text(one.table()), json_text(two.table()));
}

}  // namespace
}  // namespace isomerge
