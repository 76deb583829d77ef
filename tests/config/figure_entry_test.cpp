#include "config/figure_entry.h"

#include <gtest/gtest.h>

#include "config/example_suite.h"
#include "config/experiment.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

class Figures : public ::testing::Test {
 protected:
  Figures() {
    write_example_suite(folder_);
    folder_.write("e/v.csv", "a\n1\n");
  }

  Experiment read(const std::string& figures) const { return read_experiment(write(figures)); }
  std::string error(const std::string& figures) const {
    const auto file = write(figures);
    return error_message([&] { read_experiment(file); });
  }

 private:
  std::filesystem::path write(const std::string& figures) const {
    return folder_.write("e/x.json", R"({"title": "T", "suite": "../suites/s.json",
      "methods": ["zero_shot", "iso_c", {"method": "iso_cts", "alpha": [1, 2]}],
      "figures": )" + figures + "}");
  }
  TemporaryFolder folder_;
};

TEST_F(Figures, HoldWhatTheListSays) {
  const auto figures = read(R"([
    {"figure": "sweep", "name": "f6", "title": "T", "x": "common_fraction", "y": "mean nai",
     "split": "test", "methods": ["iso_cts"]},
    {"figure": "sweep", "x": "alpha", "y": "accuracy", "lines": "tasks"},
    {"figure": "per_task"},
    {"figure": "scatter", "x": "sar", "values": "v.csv", "methods": "iso_c"},
    {"figure": "heat_map", "values": "v.csv"}])")
                           .figures;
  ASSERT_EQ(figures.size(), 5u);
  EXPECT_EQ(figures[0].kind, FigureKind::kSweep);
  EXPECT_EQ(figures[0].name, "f6");
  EXPECT_EQ(figures[0].title, "T");
  EXPECT_EQ(figures[0].x, "common_fraction");
  EXPECT_EQ(figures[0].y, Quantity::kNai);
  EXPECT_TRUE(figures[0].is_mean);
  EXPECT_FALSE(figures[0].has_task_lines);
  EXPECT_EQ(figures[0].split, "test");
  EXPECT_EQ(figures[0].methods, std::vector<std::string>{"iso_cts"});
  EXPECT_EQ(figures[1].name, "sweep");
  EXPECT_EQ(figures[1].split, "");
  EXPECT_FALSE(figures[1].is_mean);
  EXPECT_TRUE(figures[1].has_task_lines);
  EXPECT_EQ(figures[2].y, Quantity::kAccuracy);
  EXPECT_EQ(figures[3].y, Quantity::kNai);
  EXPECT_EQ(figures[3].x, "sar");
  EXPECT_EQ(figures[3].values.filename(), "v.csv");
  EXPECT_TRUE(figures[3].values.is_absolute());
  EXPECT_EQ(figures[4].kind, FigureKind::kHeatMap);
}

TEST_F(Figures, OfASweepAreMeanNormalisedAccuracyUnlessTheySay) {
  const auto figures = read(R"([{"figure": "sweep", "x": "tasks"}])").figures;
  EXPECT_EQ(figures[0].y, Quantity::kNormalised);
  EXPECT_TRUE(figures[0].is_mean);
}

TEST_F(Figures, AreNoneWithoutTheKey) { EXPECT_TRUE(read("[]").figures.empty()); }

TEST_F(Figures, TakeOnlyTheKeysOfTheirKind) {
  expect_mentions(error(R"([{"figure": "per_task", "x": "alpha"}])"), {"unknown key \"x\""});
  expect_mentions(error(R"([{"figure": "per_task", "values": "none.csv"}])"),
                  {"\"y\"", "none.csv"});
  expect_mentions(error(R"([{"figure": "heat_map", "values": "v.csv", "methods": []}])"),
                  {"unknown key \"methods\""});
  expect_mentions(error(R"([{"figure": "bars", "y": "accuracy"}])"), {"\"y\"", "mean accuracy"});
}

TEST_F(Figures, NameTheNearestOfWhatIsUnknown) {
  expect_mentions(error(R"([{"figure": "sweeep", "x": "alpha"}])"),
                  {"sweeep", "nearest: \"sweep\""});
  expect_mentions(error(R"([{"figure": "sweep", "x": "comon_fraction"}])"),
                  {"unknown axis", "nearest: \"common_fraction\""});
  expect_mentions(error(R"([{"figure": "per_task", "methods": ["iso_ct"]}])"),
                  {"iso_ct", "nearest: \"iso_c"});
  expect_mentions(error(R"([{"figure": "per_task", "methods": ["average"]}])"),
                  {"average", "not among those of this experiment"});
  expect_mentions(error(R"([{"figure": "heat_map", "values": "w.csv"}])"), {"w.csv"});
}

TEST_F(Figures, NeedWhatTheyCannotDoWithout) {
  expect_mentions(error(R"([{"figure": "sweep"}])"), {"\"x\" is missing"});
  expect_mentions(error(R"([{"x": "alpha"}])"), {"\"figure\" is missing"});
  expect_mentions(error(R"([{"figure": "scatter", "x": "sar"}])"), {"\"values\" is missing"});
  expect_mentions(error(R"({"figure": "sweep"})"), {"\"figures\": expected a list"});
}

TEST_F(Figures, HaveNamesThatDifferAndCanBeFileNames) {
  expect_mentions(error(R"([{"figure": "per_task"}, {"figure": "per_task"}])"),
                  {"two figures are called \"per_task\""});
  expect_mentions(error(R"([{"figure": "per_task", "name": "../x"}])"), {"../x", "[a-z0-9_]+"});
}

TEST_F(Figures, WithALinePerTaskShowNoMean) {
  expect_mentions(error(R"([{"figure": "sweep", "x": "alpha", "lines": "tasks"}])"),
                  {"\"lines\"", "without \"mean\""});
}

}  // namespace
}  // namespace isomerge
