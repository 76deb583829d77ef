#include "config/analysis_entry.h"

#include <set>

#include <gtest/gtest.h>

#include "config/example_suite.h"
#include "config/experiment.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

class Analyses : public ::testing::Test {
 protected:
  Analyses() { write_example_suite(folder_); }

  Experiment read(const std::string& analyses, const std::string& figures = "[]") const {
    return read_experiment(write(analyses, figures));
  }
  std::string error(const std::string& analyses) const {
    const auto file = write(analyses, "[]");
    return error_message([&] { read_experiment(file); });
  }

 private:
  std::filesystem::path write(const std::string& analyses, const std::string& figures) const {
    return folder_.write("e/x.json", R"({"title": "T", "suite": "../suites/s.json",
      "methods": ["zero_shot", "iso_c", "tall_mask"],
      "analyses": )" + analyses + R"(, "figures": )" +
                                         figures + "}");
  }
  TemporaryFolder folder_;
};

TEST_F(Analyses, InterferenceTakesNoOptionsOfUpdates) {
  EXPECT_TRUE(looks_at_features(read(R"([{"analysis": "interference"}])").analyses.front()));
  EXPECT_FALSE(looks_at_features(read(R"([{"analysis": "cosine"}])").analyses.front()));
  expect_mentions(error(R"([{"analysis": "interference", "per": "layer"}])"),
                  {"unknown key \"per\""});
}

TEST_F(Analyses, HoldWhatTheListSays) {
  const auto analyses = read(R"([
    {"analysis": "sar"},
    {"analysis": "sar", "name": "code", "rank_rule": "code", "epsilon": 0.1, "off_by_one": true,
     "side": "both", "per": "layer", "methods": "iso_c", "include": ["*.weight"], "exclude": "b*"},
    {"analysis": "spectrum", "beta": "0:1:0.5"},
    {"analysis": "cosine_pairs", "per": "module"}])")
                            .analyses;
  ASSERT_EQ(analyses.size(), 4u);
  EXPECT_EQ(analyses[0].name, "sar");
  EXPECT_EQ(analyses[0].rank_rule, "paper");
  EXPECT_EQ(analyses[0].betas, std::vector<double>{0.0});
  EXPECT_EQ(analyses[1].name, "code");
  EXPECT_EQ(analyses[1].epsilon, 0.1);
  EXPECT_TRUE(analyses[1].off_by_one);
  EXPECT_EQ(analyses[1].side, "both");
  EXPECT_EQ(analyses[1].per, "layer");
  EXPECT_EQ(analyses[1].include, std::vector<std::string>{"*.weight"});
  EXPECT_EQ(analyses[2].betas, (std::vector<double>{0.0, 0.5, 1.0}));
  EXPECT_EQ(analyses[3].kind, AnalysisEntry::Kind::kCosinePairs);
}

TEST_F(Analyses, DifferInTheirTextWhereverTheirNumbersMay) {
  std::set<std::string> texts;
  const std::vector<std::string> entries = {
      R"({"analysis": "sar"})",
      R"({"analysis": "pairs"})",
      R"({"analysis": "sar", "rank_rule": "code"})",
      R"({"analysis": "sar", "rank_rule": "code", "off_by_one": true})",
      R"({"analysis": "sar", "epsilon": 0.1})",
      R"({"analysis": "sar", "beta": 0.5})",
      R"({"analysis": "sar", "side": "right"})",
      R"({"analysis": "sar", "per": "matrix"})",
      R"({"analysis": "sar", "include": "a"})",
      R"({"analysis": "sar", "exclude": "a"})"};
  for (const std::string& entry : entries) {
    texts.insert(analysis_text(read("[" + entry + "]").analyses.front()));
  }
  EXPECT_EQ(texts.size(), entries.size());
  EXPECT_EQ(analysis_text(read(R"([{"analysis": "sar", "name": "x"}])").analyses.front()),
            analysis_text(read(R"([{"analysis": "sar"}])").analyses.front()))
      << "a name changes no number";
}

TEST_F(Analyses, AreOfRowsThatMergeOneModelForAllTasks) {
  const Experiment experiment = read(R"([{"analysis": "sar"}])");
  std::vector<bool> analysed;
  for (const Row& row : experiment.rows) {
    analysed.push_back(analyses_row(experiment.analyses[0], row));
  }
  EXPECT_EQ(analysed, (std::vector<bool>{false, true, false}));
  expect_mentions(error(R"([{"analysis": "sar", "methods": ["tall_mask"]}])"), {"tall_mask"});
  expect_mentions(error(R"([{"analysis": "sar", "methods": ["tsv_m"]}])"), {"tsv_m", "no row"});
}

TEST_F(Analyses, GiveFiguresTheirValuesByName) {
  const auto figures = read(R"([{"analysis": "sar", "name": "alignment"}])",
                            R"([{"figure": "scatter", "values": "alignment", "x": "sar"},
       {"figure": "lines", "values": "alignment", "x": "block", "y": "sar", "line": "method"}])")
                           .figures;
  EXPECT_EQ(figures[0].analysis, "alignment");
  EXPECT_TRUE(figures[0].values.empty());
  EXPECT_EQ(figures[1].x, "block");
  EXPECT_EQ(figures[1].value, "sar");
  EXPECT_EQ(figures[1].line, "method");
}

TEST_F(Analyses, RefuseWhatTheyHaveNoUseFor) {
  expect_mentions(error(R"([{"analysis": "sarr"}])"), {"nearest: \"sar\""});
  expect_mentions(error(R"([{"analysis": "cosine", "rank_rule": "code"}])"), {"unknown key"});
  expect_mentions(error(R"([{"analysis": "spectrum", "side": "left"}])"), {"unknown key"});
  expect_mentions(error(R"([{"analysis": "sar", "off_by_one": true}])"),
                  {"\"rank_rule\" \"code\""});
  expect_mentions(error(R"([{"analysis": "sar", "beta": 1.5}])"), {"from 0 to 1"});
  expect_mentions(error(R"([{"analysis": "sar", "epsilon": 1}])"), {"\"epsilon\"", "below 1"});
  expect_mentions(error(R"([{"analysis": "sar"}, {"analysis": "sar"}])"),
                  {"two analyses are called \"sar\""});
  expect_mentions(error(R"({"analysis": "sar"})"), {"\"analyses\": expected a list"});
}

}  // namespace
}  // namespace isomerge
