// Tables with rows whose lambdas the records have to choose first.
#include "config/mask_rows.h"

#include <gtest/gtest.h>

#include "report/csv.h"
#include "report/example_table.h"
#include "report/figures.h"
#include "report/labels.h"

namespace isomerge {
namespace {

// Fine-tuned models that are always right, an open consensus_ta row with alphas 0.3 and 0.6, and an
// open tall_mask row. Trials: digits is best with 0.3 (and 0.5), fashion with 0.6.
class MaskTable : public ::testing::Test {
 protected:
  MaskTable() {
    example_.experiment().rows.reserve(8);
    const Row& tuned = example_.add_row("fine_tuned", {});
    example_.put(tuned, 0, "val", {10, 10});
    example_.put(tuned, 0, "test", {10, 10});
    example_.add_row("consensus_ta", {0.3, 0.6}, {"digits", "fashion"},
                     {{"min_tasks", int64_t{2}}});
    Row masks{"tall_mask", 1, {"digits", "fashion"}, {}, 1};
    masks.candidates.push_back({{}, 1.0, own_masks(masks.task_set)});
    example_.experiment().rows.push_back(masks);
  }

  const Row& consensus() { return example_.experiment().rows[1]; }
  const Row& masks() { return example_.experiment().rows[2]; }

  void put_trials() {
    const std::vector<std::vector<int>> correct{{5, 1}, {7, 2}, {6, 3}, {7, 4}, {2, 5}};
    for (size_t i = 0; i < correct.size(); ++i) {
      example_.put(mask_trials(consensus()), i, "val", correct[i]);
    }
  }

  void put_results() {
    const std::map<std::string, double> lambdas{{"digits", 0.3}, {"fashion", 0.6}};
    const Row row = with_lambdas(consensus(), lambdas);
    example_.put(row, 0, "val", {5, 5});
    example_.put(row, 1, "val", {6, 6});
    example_.put(row, 1, "test", {8, 6});
    example_.put(with_lambdas(masks(), lambdas), 0, "test", {9, 7});
  }

  bool mentions(const std::string& text) {
    const std::vector<std::string> notes = example_.table().footnotes;
    return std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
      return note.find(text) != std::string::npos;
    });
  }

  ExampleTable example_;
};

TEST_F(MaskTable, ResolvesTheLambdasFromTheRecordsAlone) {
  put_trials();
  put_results();
  const Table table = example_.table();
  const TableRow &row = table.rows[1], &masks = table.rows[2];
  EXPECT_EQ(row.chosen,
            "consensus_ta/lambda=0.4/lambdas=digits=0.3,fashion=0.6/min_tasks=2/alpha=0.6");
  EXPECT_DOUBLE_EQ(*row.accuracy, 0.7);
  EXPECT_EQ(row.alpha, 0.6);
  EXPECT_EQ(masks.chosen, "tall_mask/lambda=digits=0.3,fashion=0.6/alpha=1");
  EXPECT_DOUBLE_EQ(*masks.accuracy, 0.8);
  EXPECT_DOUBLE_EQ(*masks.normalised, 0.8);
}

TEST_F(MaskTable, SweepsTakeChosenLambdasForNoDifferenceOfRows) {
  put_trials();
  put_results();
  const Row& single =
      example_.add_row("consensus_ta", {0.3, 0.6}, {"digits"}, {{"min_tasks", int64_t{2}}});
  const std::vector<int> correct{1, 2, 3, 9, 2};  // 0.5 is best alone
  for (size_t i = 0; i < correct.size(); ++i) {
    example_.put(mask_trials(single), i, "val", {correct[i]});
  }
  const Row chosen = with_lambdas(single, {{"digits", 0.5}});
  example_.put(chosen, 0, "val", {5});
  example_.put(chosen, 1, "val", {6});
  example_.put(chosen, 1, "test", {8});
  FigureEntry entry;
  entry.name = "tasks";
  entry.x = "tasks";
  entry.is_mean = true;
  entry.methods = {"consensus_ta"};
  entry.split = "test";
  example_.experiment().figures = {entry};
  const ResultStore store = example_.store();
  ExperimentRecords records(example_.experiment(), example_.plan(), store);
  const std::vector<Figure> figures = build_figures(build_table(records), records);
  ASSERT_EQ(figures.size(), 1u);
  ASSERT_EQ(figures[0].panels[0].series.size(), 1u);
  EXPECT_EQ(figures[0].panels[0].series[0].title, "Consensus TA");
  EXPECT_EQ(figures[0].panels[0].series[0].points.size(), 2u);
}

TEST_F(MaskTable, TellsTheLambdasInNotesAndPerTask) {
  put_trials();
  put_results();
  EXPECT_TRUE(
      mentions("Consensus TA: lambda chosen on validation for each task: digits 0.3, "
               "fashion 0.6."));
  EXPECT_TRUE(mentions("TALL mask: lambda chosen on validation"));
  const auto lines = parse_csv(csv_tasks_text(example_.table()));
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(lines[0].back(), "chosen");
  EXPECT_EQ(lines[1].back(), "") << "fine_tuned";
  EXPECT_EQ(lines[3].back(), "lambda=0.3");
  EXPECT_EQ(lines[4].back(), "lambda=0.6");
  EXPECT_EQ(lines[6].back(), "lambda=0.6");
  EXPECT_NE(json_text(example_.table()).find("\"chosen\": \"lambda=0.6\""), std::string::npos);
}

TEST_F(MaskTable, WithoutTrialsSaysThatTheyAreMissing) {
  const Table table = example_.table();
  for (const size_t i : {1u, 2u}) {
    EXPECT_EQ(table.rows[i].note, "missing: 10 of 10 masks on validation");
    EXPECT_EQ(table.rows[i].cells[1].note, "missing");
    EXPECT_TRUE(table.rows[i].chosen.empty());
  }
  EXPECT_EQ(csv_tasks_text(table).find("chosen"), std::string::npos);
}

TEST_F(MaskTable, WithSomeTrialsMissingChoosesNothingYet) {
  example_.put(mask_trials(masks()), 0, "val", {5, 1});
  EXPECT_EQ(example_.table().rows[1].note, "missing: 8 of 10 masks on validation");
}

TEST_F(MaskTable, AfterTheTrialsSaysWhatTheSecondStageLacks) {
  put_trials();
  EXPECT_EQ(example_.table().rows[1].note, "missing: 2 of 2 candidates on validation");
  EXPECT_EQ(example_.table().rows[2].note, "missing 2 of 2");
}

TEST_F(MaskTable, ExplainsFailedTrials) {
  put_trials();
  put_results();
  const Row trials = mask_trials(consensus());
  example_.store().put(failed_record(example_.run(trials, 0, "digits", "val"), "x"));
  EXPECT_TRUE(mentions("Consensus TA: 1 of 10 masks failed on validation."));
  EXPECT_DOUBLE_EQ(*example_.table().rows[1].accuracy, 0.7) << "chosen among the others";
  for (size_t i = 1; i < 5; ++i) {
    example_.store().put(failed_record(example_.run(trials, i, "digits", "val"), "x"));
  }
  EXPECT_EQ(example_.table().rows[1].note, "failed: all masks of digits on validation");
  EXPECT_EQ(example_.table().rows[1].cells[1].note, "failed");
}

TEST_F(MaskTable, TreatsATaskThatThePlanLacksAsMissing) {
  put_trials();
  put_results();
  example_.plan().tasks.erase("fashion");
  EXPECT_EQ(example_.table().rows[1].note, "missing: 10 of 10 masks on validation");
}

TEST(RowTitles, TellChosenLambdasFromGivenOnes) {
  const Row open{"consensus_ta", 1, {"digits"}, {{{{"min_tasks", int64_t{2}}}, 0.3}}, 1};
  Row given = open;
  given.candidates[0].options = {
      {"lambda", 0.4}, {"lambdas", std::string()}, {"min_tasks", int64_t{2}}};
  EXPECT_EQ(row_titles({open, given}), (std::vector<std::string>{"Consensus TA (lambda by task)",
                                                                 "Consensus TA (lambda 0.4)"}));
  EXPECT_EQ(row_titles({open}), std::vector<std::string>{"Consensus TA"});
}

}  // namespace
}  // namespace isomerge
