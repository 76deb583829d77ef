#include "experiment/row_analysis.h"

#include <cmath>

#include <gtest/gtest.h>

#include "analysis/averages.h"
#include "analysis/cosine.h"
#include "analysis/matrix_analysis.h"
#include "analysis/suite_files.h"
#include "base/text.h"

namespace isomerge {
namespace {

class RowAnalysis : public ::testing::Test {
 protected:
  RowAnalysis() : updates_(files_.updates()), merged_(sums(), updates_.base()) {}

  static Weights sums() {
    Weights sums;
    for (const auto& [name, tensor] : SuiteFiles::base()) {
      if (name != "ids") sums[name] = SuiteFiles::sum(name).to(at::kFloat);
    }
    return sums;
  }

  AnalysisTable analyse(AnalysisEntry::Kind kind, const std::string& per = "model",
                        const std::vector<double>& betas = {0.0}) {
    AnalysisEntry entry;
    entry.kind = kind;
    entry.per = per;
    entry.betas = betas;
    return analyse_row(entry, updates_, merged_, 2);
  }

  static double number(const AnalysisTable& table, size_t line) {
    return parse_number(table.lines[line].back()).value();
  }

  AnalysisSettings settings(bool with_sar) const {
    AnalysisSettings settings;
    settings.with_sar = with_sar;
    settings.with_pairs = !with_sar;
    settings.ranks = {EnergyRule{}};
    settings.sides = {Side::kLeft};
    return settings;
  }

  SuiteFiles files_;
  Updates updates_;
  MergedUpdate merged_;
};

TEST_F(RowAnalysis, SarIsThatOfTheSumForAMergedUpdateInMemory) {
  const AnalysisTable table = analyse(AnalysisEntry::Kind::kSar);
  EXPECT_EQ(table.columns,
            (std::vector<std::string>{"task", "group", "block", "beta", "k", "sar"}));
  const AnalysisSettings wanted = settings(true);
  const auto means = mean_alignments(analyse_matrices(updates_, nullptr, wanted), wanted,
                                     &MatrixAnalysis::sar, Grouping::kModel);
  ASSERT_EQ(table.lines.size(), 3u);
  for (size_t t = 0; t < 3; ++t) {
    EXPECT_EQ(table.lines[t][0], SuiteFiles::task(static_cast<int>(t)));
    EXPECT_EQ(table.lines[t][1], "model");
    EXPECT_NEAR(number(table, t), means[0].groups[0].values[t].value(), 1e-6);
  }
}

TEST_F(RowAnalysis, LayersTellTheirBlock) {
  const AnalysisTable table = analyse(AnalysisEntry::Kind::kSar, "layer");
  std::vector<std::string> blocks;
  for (const auto& line : table.lines) {
    if (line[0] == "a") blocks.push_back(line[2]);
  }
  EXPECT_EQ(blocks, (std::vector<std::string>{"2", "10", ""})) << "square has no number";
}

TEST_F(RowAnalysis, PairsHaveTheTaskThatProjectsInTheColumn) {
  const AnalysisTable table = analyse(AnalysisEntry::Kind::kPairs);
  const AnalysisSettings wanted = settings(false);
  const auto means = mean_alignments(analyse_matrices(updates_, nullptr, wanted), wanted,
                                     &MatrixAnalysis::pairs, Grouping::kModel);
  ASSERT_EQ(table.lines.size(), 9u);
  EXPECT_EQ(table.lines[1][0], "a");
  EXPECT_EQ(table.lines[1][1], "b");
  for (size_t i = 0; i < 9; ++i) {
    EXPECT_NEAR(number(table, i), means[0].groups[0].values[i].value(), 1e-6);
  }
}

TEST_F(RowAnalysis, CosinesAreWithTheMergedUpdateOrWithEachOther) {
  const auto group = update_cosines(updates_, nullptr, {}).front();
  const AnalysisTable with_merged = analyse(AnalysisEntry::Kind::kCosine);
  const AnalysisTable pairs = analyse(AnalysisEntry::Kind::kCosinePairs);
  ASSERT_EQ(with_merged.lines.size(), 3u);
  ASSERT_EQ(pairs.lines.size(), 9u);
  EXPECT_EQ(pairs.columns, (std::vector<std::string>{"row", "column", "group", "cosine"}));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(number(with_merged, i), group.cosines[i * 4 + 3].value(), 1e-6);
    for (size_t j = 0; j < 3; ++j) {
      EXPECT_NEAR(number(pairs, i * 3 + j), group.cosines[i * 4 + j].value(), 1e-12);
    }
  }
}

TEST_F(RowAnalysis, SpectraGoFromTheMergedOneToItsMean) {
  const AnalysisTable table = analyse(AnalysisEntry::Kind::kSpectrum, "model", {0.0, 1.0});
  EXPECT_EQ(table.columns, (std::vector<std::string>{"tensor", "beta", "rank", "index", "value"}));
  double sum = 0.0;
  std::vector<double> flat;
  for (size_t i = 0; i < table.lines.size(); ++i) {
    if (table.lines[i][0] != "square") continue;
    if (table.lines[i][1] == "0") sum += number(table, i);
    if (table.lines[i][1] == "1") flat.push_back(number(table, i));
  }
  ASSERT_EQ(flat.size(), 6u);
  for (const double value : flat) EXPECT_NEAR(value, sum / 6.0, 1e-9);
}

}  // namespace
}  // namespace isomerge
