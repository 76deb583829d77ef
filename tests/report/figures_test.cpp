#include "report/figures.h"

#include <gtest/gtest.h>

#include "report/example_table.h"
#include "report/values.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

// The complete example, and figures of it.
class Figures : public ::testing::Test {
 protected:
  Figures() { fill_complete(example_); }

  FigureEntry entry(FigureKind kind, Quantity y = Quantity::kAccuracy) {
    FigureEntry made;
    made.kind = kind;
    made.name = figure_kind_text(kind);
    made.y = y;
    return made;
  }
  FigureEntry sweep(const std::string& axis, Quantity y = Quantity::kNormalised) {
    FigureEntry made = entry(FigureKind::kSweep, y);
    made.x = axis;
    made.is_mean = true;
    return made;
  }
  std::optional<Figure> draw(const FigureEntry& from) {
    example_.experiment().figures = {from};
    const ResultStore store = example_.store();
    ExperimentRecords records(example_.experiment(), example_.plan(), store);
    std::vector<Figure> figures = build_figures(build_table(records), records);
    return figures.empty() ? std::nullopt : std::optional(figures.front());
  }

  ExampleTable example_;
  TemporaryFolder folder_;
};

TEST_F(Figures, AreNamedAfterExperimentAndEntry) {
  EXPECT_EQ(draw(entry(FigureKind::kPerTask))->name, "example-per_task");
}

TEST_F(Figures, SweepOfAlphaShowsValidationAndMarksTheChoice) {
  const Figure figure = draw(sweep("alpha")).value();
  ASSERT_EQ(figure.panels.size(), 1u);
  const auto& series = figure.panels[0].series;
  ASSERT_EQ(series.size(), 2u);
  EXPECT_EQ(series[1].title, "Iso-C");
  ASSERT_EQ(series[1].points.size(), 3u);
  EXPECT_DOUBLE_EQ(series[1].points[0].x, 1.0);
  EXPECT_DOUBLE_EQ(series[1].points[0].y, 100.0 * (0.8 + 0.6 / 0.8) / 2);
  EXPECT_TRUE(series[1].points[1].is_chosen) << "the first of two equal ones";
  EXPECT_FALSE(series[1].points[0].is_chosen || series[1].points[2].is_chosen);
  EXPECT_TRUE(series[0].points[2].is_chosen);
  EXPECT_NE(figure.caption.find("validation split"), std::string::npos);
  EXPECT_EQ(figure.panels[0].y.title, "Mean normalised accuracy (%)");
  EXPECT_EQ(figure.legend.size(), 2u);
}

TEST_F(Figures, SweepOnTheTestSplitShowsWhatWasTested) {
  FigureEntry from = sweep("alpha");
  from.split = "test";
  from.methods = {"iso_c"};
  const Figure figure = draw(from).value();
  ASSERT_EQ(figure.panels[0].series.size(), 1u);
  ASSERT_EQ(figure.panels[0].series[0].points.size(), 1u);
  EXPECT_DOUBLE_EQ(figure.panels[0].series[0].points[0].x, 1.2);
  EXPECT_DOUBLE_EQ(figure.panels[0].series[0].points[0].y, 95.0);
}

TEST_F(Figures, SweepWithoutMeanHasAPanelPerTaskAndOneOfTheMean) {
  FigureEntry from = sweep("alpha", Quantity::kAccuracy);
  from.is_mean = false;
  const Figure figure = draw(from).value();
  ASSERT_EQ(figure.panels.size(), 3u);
  EXPECT_EQ(figure.panels[1].title, "Fashion");
  EXPECT_DOUBLE_EQ(figure.panels[1].series[1].points[0].y, 60.0);
  EXPECT_EQ(figure.panels[2].title, "Mean");
  EXPECT_DOUBLE_EQ(figure.panels[2].series[1].points[0].y, 70.0);
  EXPECT_TRUE(figure.is_wide);
  from.has_task_lines = true;
  const Figure lines = draw(from).value();
  ASSERT_EQ(lines.panels.size(), 2u);
  EXPECT_EQ(lines.panels[1].title, "Iso-C");
  ASSERT_EQ(lines.panels[1].series.size(), 2u);
  EXPECT_EQ(lines.panels[1].series[0].title, "Digits");
  EXPECT_DOUBLE_EQ(lines.panels[1].series[0].points[0].y, 80.0);
}

// Rows of one method that differ in an option: a line over it, on the report's split, while a
// method without the option is a rule.
TEST_F(Figures, SweepOfAnOptionJoinsRowsAndRulesMethodsWithoutIt) {
  auto& rows = example_.experiment().rows;
  rows.reserve(8);
  const std::vector<std::string> tasks = {"digits", "fashion"};
  for (const auto& [fraction, correct] : {std::pair{0.9, 7}, std::pair{0.5, 9}}) {
    const Row& row =
        example_.add_row("iso_cts", {1.0, 1.5}, tasks, {{"common_fraction", fraction}});
    example_.put(row, 0, "val", {1, 1});
    example_.put(row, 1, "val", {correct, correct - 1});
    example_.put(row, 1, "test", {correct, 8});
  }
  FigureEntry from = sweep("common_fraction", Quantity::kAccuracy);
  from.methods = {"iso_c", "iso_cts"};
  const Figure figure = draw(from).value();
  const Panel& panel = figure.panels.front();
  ASSERT_EQ(panel.series.size(), 1u);
  EXPECT_EQ(panel.series[0].title, "Iso-CTS");
  ASSERT_EQ(panel.series[0].points.size(), 2u);
  EXPECT_DOUBLE_EQ(panel.series[0].points[0].x, 0.5) << "ascending";
  EXPECT_DOUBLE_EQ(panel.series[0].points[0].y, 85.0);
  EXPECT_DOUBLE_EQ(panel.series[0].points[1].y, 75.0);
  EXPECT_TRUE(panel.series[0].points[0].is_chosen) << "what validation would choose";
  EXPECT_FALSE(panel.series[0].points[1].is_chosen);
  ASSERT_EQ(panel.rules.size(), 1u);
  EXPECT_EQ(panel.rules[0].title, "Iso-C");
  EXPECT_DOUBLE_EQ(panel.rules[0].at, 85.0);
  EXPECT_EQ(panel.x.title, "common fraction");
}

// A line for all of them, in which every task has its own model and its own choice.
TEST_F(Figures, SweepJoinsMergesOfOneTaskEach) {
  auto& rows = example_.experiment().rows;
  rows.reserve(8);
  for (const auto& [task, correct] : {std::pair{"digits", 7}, std::pair{"fashion", 4}}) {
    const Row& row = example_.add_row("iso_c", {1.0, 1.2}, {task}, {{"null", std::string("zero")}});
    example_.put(row, 0, "val", {correct});
    example_.put(row, 1, "val", {12 - correct});
  }
  FigureEntry from = sweep("alpha", Quantity::kAccuracy);
  from.is_mean = false;
  from.methods = {"iso_c"};
  const Figure figure = draw(from).value();
  ASSERT_EQ(figure.legend.size(), 2u);
  EXPECT_EQ(figure.legend[0].title, "Iso-C, 2 tasks");
  EXPECT_EQ(figure.legend[1].title, "Iso-C, each task alone");
  ASSERT_EQ(figure.panels.size(), 3u);
  const auto alone = [&](size_t panel) { return figure.panels[panel].series.at(1).points; };
  ASSERT_EQ(alone(0).size(), 2u);
  EXPECT_DOUBLE_EQ(alone(0)[0].y, 70.0);
  EXPECT_DOUBLE_EQ(alone(1)[0].y, 40.0);
  EXPECT_DOUBLE_EQ(alone(2)[0].y, 55.0) << "the mean over both";
  EXPECT_DOUBLE_EQ(alone(2)[1].y, 65.0);
  EXPECT_TRUE(alone(0)[0].is_chosen && alone(1)[1].is_chosen);
  EXPECT_FALSE(alone(2)[0].is_chosen || alone(2)[1].is_chosen) << "no one choice for both";
}

TEST_F(Figures, SweepOfTasksJoinsTaskSets) {
  auto& rows = example_.experiment().rows;
  rows.reserve(8);
  example_.put(example_.add_row("average", {1.0}), 0, "test", {4, 6});
  example_.put(example_.add_row("average", {1.0}, {"digits"}), 0, "test", {7});
  FigureEntry from = sweep("tasks", Quantity::kAccuracy);
  from.methods = {"average"};
  const Figure figure = draw(from).value();
  ASSERT_EQ(figure.panels[0].series.size(), 1u);
  const auto& points = figure.panels[0].series[0].points;
  ASSERT_EQ(points.size(), 2u);
  EXPECT_DOUBLE_EQ(points[0].x, 1.0);
  EXPECT_DOUBLE_EQ(points[0].y, 70.0);
  EXPECT_DOUBLE_EQ(points[1].y, 50.0);
  EXPECT_FALSE(points[0].is_chosen || points[1].is_chosen);
}

TEST_F(Figures, WithoutRecordsAreLeftOut) {
  FigureEntry from = sweep("common_fraction");
  EXPECT_FALSE(draw(from).has_value());
  from = entry(FigureKind::kPerTask);
  from.methods = {"average"};
  EXPECT_FALSE(draw(from).has_value());
}

TEST_F(Figures, PerTaskHasAPlaceForEveryTaskAndAMarkerForEveryMethod) {
  const Figure figure = draw(entry(FigureKind::kPerTask)).value();
  ASSERT_EQ(figure.panels.size(), 1u);
  const Panel& panel = figure.panels[0];
  ASSERT_EQ(panel.series.size(), 4u) << "with the trivial rows";
  EXPECT_DOUBLE_EQ(panel.series[3].points[0].x, 90.0);
  EXPECT_DOUBLE_EQ(panel.series[3].points[1].x, 80.0);
  EXPECT_GT(panel.series[3].points[0].y, panel.series[3].points[1].y) << "the first task on top";
  EXPECT_EQ(panel.y.names[1].second, "Fashion");
  EXPECT_NE(panel.series[0].look.shape, panel.series[1].look.shape);
}

TEST_F(Figures, DistributionHasABoxPerMergedMethodWithAllTasks) {
  const Figure figure = draw(entry(FigureKind::kDistribution, Quantity::kNai)).value();
  ASSERT_EQ(figure.panels[0].series.size(), 2u);
  const Series& iso = figure.panels[0].series[1];
  EXPECT_EQ(iso.style, SeriesStyle::kBox);
  ASSERT_EQ(iso.points.size(), 2u);
  EXPECT_DOUBLE_EQ(iso.points[0].y, (0.9 - 0.3) / (1.0 - 0.3));
  EXPECT_DOUBLE_EQ(iso.points[1].y, (0.8 - 0.4) / (0.8 - 0.4));
  EXPECT_EQ(iso.points[0].label, "Digits, Iso-C");
  EXPECT_NE(iso.points[0].x, figure.panels[0].series[0].points[0].x);
}

TEST_F(Figures, BarsStandOnZeroWithTheirIntervals) {
  FigureEntry from = entry(FigureKind::kBars);
  from.is_mean = true;
  const Figure figure = draw(from).value();
  const FigurePoint& iso = figure.panels[0].series[1].points[0];
  EXPECT_DOUBLE_EQ(iso.y, 85.0);
  const Interval interval = mean_interval({{9, 10}, {8, 10}});
  EXPECT_DOUBLE_EQ(iso.range->low, 100.0 * interval.low);
  EXPECT_DOUBLE_EQ(iso.range->high, 100.0 * interval.high);
  EXPECT_EQ(figure.panels[0].y.low, 0.0);
}

TEST_F(Figures, ScatterHasAShapePerMethodAndAColourPerTask) {
  FigureEntry from = entry(FigureKind::kScatter, Quantity::kNai);
  from.x = "sar";
  from.values = folder_.write("sar.csv",
                              "method,task,sar\ntask_arithmetic,digits,0.7\n"
                              "task_arithmetic,fashion,0.8\nIso-C,digits,0.875\n");
  const Figure figure = draw(from).value();
  const auto& series = figure.panels[0].series;
  ASSERT_EQ(series.size(), 3u) << "nothing is known of Iso-C on fashion";
  EXPECT_EQ(series[0].look.shape, series[1].look.shape);
  EXPECT_NE(series[0].look.colour, series[1].look.colour);
  EXPECT_NE(series[0].look.shape, series[2].look.shape);
  EXPECT_EQ(series[0].look.colour, series[2].look.colour);
  EXPECT_EQ(series[2].points[0].label, "Digits, Iso-C");
  EXPECT_DOUBLE_EQ(series[2].points[0].x, 0.875);
  EXPECT_DOUBLE_EQ(series[2].points[0].y, (0.9 - 0.3) / (1.0 - 0.3));
  // Two points of Task Arithmetic: a correlation, but no interval; one of Iso-C: none.
  EXPECT_EQ(figure.legend[0].title, "Task Arithmetic, r = 1.00");
  EXPECT_NE(figure.caption.find("Iso-C: Pearson not defined"), std::string::npos);
  EXPECT_EQ(figure.legend.size(), 4u) << "two methods, two tasks";
}

TEST_F(Figures, ScatterOfSeveralTaskSetsTellsThemByTheirSize) {
  auto& rows = example_.experiment().rows;
  rows.reserve(8);
  example_.put(example_.add_row("iso_c", {1.0}, {"digits"}), 0, "test", {5});
  FigureEntry from = entry(FigureKind::kScatter);
  from.x = "sar";
  from.methods = {"iso_c"};
  from.values = folder_.write("sar.csv",
                              "method,task,tasks,sar\niso_c,digits,1,0.5\n"
                              "iso_c,digits,2,0.25\n");
  const Figure figure = draw(from).value();
  ASSERT_EQ(figure.panels.size(), 2u);
  EXPECT_EQ(figure.panels[0].title, "2 tasks");
  EXPECT_DOUBLE_EQ(figure.panels[0].series[0].points[0].x, 0.25);
  EXPECT_DOUBLE_EQ(figure.panels[0].series[0].points[0].y, 90.0);
  EXPECT_DOUBLE_EQ(figure.panels[1].series[0].points[0].x, 0.5);
  EXPECT_EQ(figure.legend.size(), 3u) << "a method and two tasks, each once";
}

// The example with what an analysis found of both merged rows.
class AnalysisFigures : public Figures {
 protected:
  AnalysisFigures() {
    analysis_.name = "alignment";
    example_.experiment().analyses = {analysis_};
  }

  void put(const std::vector<std::string>& columns,
           const std::vector<std::vector<std::string>>& lines) {
    for (const Row& row : example_.experiment().rows) {
      if (!analyses_row(analysis_, row)) continue;
      const Candidate& chosen = row.candidates[row.method == "iso_c" ? 1 : 2];
      example_.store().put(AnalysisRecord{
          define_analysis(example_.experiment(), row, chosen, analysis_, example_.plan()), columns,
          lines});
    }
  }
  FigureEntry of_analysis(FigureKind kind) {
    FigureEntry made = entry(kind);
    made.analysis = "alignment";
    return made;
  }

  AnalysisEntry analysis_;
};

TEST_F(AnalysisFigures, TakeTheValuesOfTheChosenCandidates) {
  put({"task", "sar"}, {{"digits", "0.5"}, {"fashion", "0.75"}});
  FigureEntry from = of_analysis(FigureKind::kScatter);
  from.x = "sar";
  const Figure figure = draw(from).value();
  ASSERT_EQ(figure.panels[0].series.size(), 4u);
  EXPECT_EQ(figure.panels[0].series[2].points[0].label, "Digits, Iso-C");
  EXPECT_DOUBLE_EQ(figure.panels[0].series[2].points[0].x, 0.5);
  EXPECT_EQ(figure.panels[0].x.title, "SAR");
}

TEST_F(AnalysisFigures, PerTaskShowsAColumnOfTheValuesInsteadOfAccuracies) {
  put({"task", "distance"}, {{"fashion", "0.25"}, {"digits", "0.5"}});
  FigureEntry from = of_analysis(FigureKind::kPerTask);
  from.shows_values = true;
  from.value = "distance";
  const Figure figure = draw(from).value();
  ASSERT_EQ(figure.panels.size(), 1u);
  const Panel& panel = figure.panels[0];
  EXPECT_EQ(panel.x.title, "Mean L1 distance");
  ASSERT_EQ(panel.series.size(), 2u) << "rows without values are left out";
  EXPECT_EQ(panel.series[1].title, "Iso-C");
  ASSERT_EQ(panel.series[1].points.size(), 2u);
  EXPECT_DOUBLE_EQ(panel.series[1].points[0].x, 0.5) << "Digits come first in the suite";
  EXPECT_DOUBLE_EQ(panel.series[1].points[1].x, 0.25);
  EXPECT_EQ(figure.caption, "Mean L1 distance of each task, test split.");
}

TEST_F(AnalysisFigures, AreLeftOutUntilSomethingIsRecorded) {
  FigureEntry from = of_analysis(FigureKind::kScatter);
  from.x = "sar";
  EXPECT_FALSE(draw(from).has_value());
}

TEST_F(AnalysisFigures, HeatMapPivotsLinesOfTheFirstMethodAndGroup) {
  put({"row", "column", "group", "sar"}, {{"digits", "digits", "model", "1"},
                                          {"digits", "fashion", "model", "0.25"},
                                          {"fashion", "digits", "model", "0.5"},
                                          {"fashion", "fashion", "model", "0.75"},
                                          {"fashion", "fashion", "other", "9"}});
  const HeatMap map = draw(of_analysis(FigureKind::kHeatMap)).value().panels[0].heat_map.value();
  EXPECT_EQ(map.rows, (std::vector<std::string>{"Digits", "Fashion"}));
  EXPECT_EQ(map.columns, map.rows);
  EXPECT_EQ(map.values, (std::vector<std::vector<double>>{{1.0, 0.25}, {0.5, 0.75}}));
}

TEST_F(AnalysisFigures, LinesShowMeansOfEqualXAndLeaveOutWhatHasNone) {
  put({"task", "block", "sar"}, {{"digits", "1", "0.5"},
                                 {"digits", "0", "0.125"},
                                 {"fashion", "1", "0.75"},
                                 {"fashion", "", "9"}});
  FigureEntry from = of_analysis(FigureKind::kLines);
  from.x = "block";
  from.value = "sar";
  from.line = "method";
  const Figure figure = draw(from).value();
  ASSERT_EQ(figure.panels.size(), 1u);
  ASSERT_EQ(figure.panels[0].series.size(), 2u);
  const auto& points = figure.panels[0].series[1].points;
  ASSERT_EQ(points.size(), 2u);
  EXPECT_DOUBLE_EQ(points[0].x, 0.0);
  EXPECT_DOUBLE_EQ(points[1].y, 0.625);
  EXPECT_EQ(figure.panels[0].x.title, "Block");
  from.panel = "task";
  EXPECT_EQ(draw(from).value().panels[1].title, "Fashion");
}

TEST_F(AnalysisFigures, NameTensorsBriefly) {
  put({"tensor", "index", "value", "rank"},
      {{"visual.transformer.resblocks.3.attn.out_proj.weight", "1", "0.5", "1"},
       {"visual.proj", "1", "0.25", "1"}});
  FigureEntry from = of_analysis(FigureKind::kSpectrum);
  from.x = "index";
  from.line = "method";
  from.panel = "tensor";
  const Figure figure = draw(from).value();
  EXPECT_EQ(figure.panels[0].title, "3.attn.out_proj");
  EXPECT_EQ(figure.panels[1].title, "proj");
  EXPECT_EQ(figure.panels[0].rules.size(), 2u);
}

TEST_F(Figures, SpectrumHasALinePerNameAndItsRankDashed) {
  FigureEntry from = entry(FigureKind::kSpectrum);
  from.x = "index";
  from.values = folder_.write("s.csv",
                              "panel,line,index,value,rank\nl1,TA,0,0.5,1\nl1,TA,1,0.25,1\n"
                              "l2,TA,0,0.75,\nl2,Iso-C,0,0.5,\n");
  const Figure figure = draw(from).value();
  ASSERT_EQ(figure.panels.size(), 2u);
  EXPECT_EQ(figure.panels[0].title, "l1");
  ASSERT_EQ(figure.panels[0].series.size(), 1u);
  EXPECT_EQ(figure.panels[0].series[0].points.size(), 2u);
  ASSERT_EQ(figure.panels[0].rules.size(), 1u);
  EXPECT_TRUE(figure.panels[0].rules[0].is_vertical);
  EXPECT_DOUBLE_EQ(figure.panels[0].rules[0].at, 1.0);
  EXPECT_EQ(figure.panels[1].series.size(), 2u);
  EXPECT_TRUE(figure.panels[1].rules.empty());
}

TEST_F(Figures, SayWhereTheirValuesDoNotFit) {
  FigureEntry from = entry(FigureKind::kHeatMap);
  const auto error = [&](const std::string& csv) {
    from.values = folder_.write("v.csv", csv);
    return error_message([&] { draw(from); });
  };
  expect_mentions(error("t,a\nx,1\ny,one\n"),
                  {"v.csv", "line 3", "a: expected a number", "\"one\""});
  expect_mentions(error("t,a\nx,1,2\n"), {"v.csv: line 2: expected 2 fields, got 3"});
  expect_mentions(error("t,a\n"), {"expected a heading and lines"});
  expect_mentions(error("t\nx\n"), {"a column of names and columns of numbers"});
  from.kind = FigureKind::kScatter;
  from.x = "sar";
  expect_mentions(error("method,task,sat\nx,y,1\n"), {"no column \"sar\"", "nearest: \"sat\""});
}

}  // namespace
}  // namespace isomerge
