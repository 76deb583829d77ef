// The analyses of the mini suite against the float64 reference of tests/golden/analysis.py.
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "analysis/averages.h"
#include "analysis/cosine.h"
#include "analysis/spectrum.h"
#include "checkpoint/safetensors.h"
#include "linalg/svd.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

using Json = nlohmann::json;

constexpr double kBar = 1e-6;

const std::map<std::string, RankChoice> kChoices = {
    {"paper", EnergyRule{RankRule::kPaper, 0.05, false, 0.0}},
    {"code", EnergyRule{RankRule::kCode, 0.05, false, 0.0}},
    {"code_off_by_one", EnergyRule{RankRule::kCode, 0.05, true, 0.0}},
    {"share", RankFraction{0.25}}};
const std::map<std::string, Side> kSides = {
    {"left", Side::kLeft}, {"right", Side::kRight}, {"both", Side::kBoth}};

class AnalysisGolden : public ::testing::Test {
 protected:
  static std::filesystem::path source() { return ISOMERGE_SOURCE_DIR; }

  AnalysisGolden() : updates_(source() / "models/mini/vit/base.safetensors", experts()) {
    for (const auto& [name, choice] : kChoices) settings_.ranks.push_back(choice);
    for (const auto& [name, side] : kSides) settings_.sides.push_back(side);
    settings_.threads = 2;
  }

  static const Json& golden() {
    static const Json read = Json::parse(std::ifstream(source() / "tests/golden/analysis.json"));
    return read;
  }

  static std::vector<Expert> experts() {
    std::vector<Expert> experts;
    for (const std::string task : golden()["tasks"]) {
      experts.push_back({task, source() / "models/mini/vit/experts" / (task + ".safetensors")});
    }
    return experts;
  }

  // What lies between the sum (beta = 0) and its Iso-C merged update (beta = 1), as a file.
  MergedUpdate merged(double beta) const {
    Weights weights;
    for (const TensorInfo& info : updates_.tensors()) {
      at::Tensor sum;
      for (const Update& update : updates_.load(info.name, at::kDouble).updates) {
        sum = sum.defined() ? sum + update.dense() : update.dense();
      }
      weights[info.name] = sum;
      if (sum.dim() != 2) continue;
      const Svd svd = thin_svd(sum);
      weights[info.name] = at::matmul(svd.u * interpolated_spectrum(svd.s, beta), svd.vt);
    }
    write_safetensors(folder_ / "merged.safetensors", weights,
                      {{"isomerge.content", "merged update"}});
    return MergedUpdate(folder_ / "merged.safetensors", updates_.base());
  }

  // `means` in the reference's words: "paper left" and the like.
  std::map<std::string, std::vector<AlignedGroup>> by_name(
      const SuiteAnalysis& suite, std::vector<Alignment> MatrixAnalysis::*which,
      Grouping grouping) const {
    const auto means = mean_alignments(suite, settings_, which, grouping);
    std::map<std::string, std::vector<AlignedGroup>> named;
    size_t i = 0;
    for (const auto& [choice, unused] : kChoices) {
      for (const auto& [side, unused_too] : kSides) {
        named[choice + " " + side] = means.at(i++).groups;
      }
    }
    return named;
  }

  static void expect_values(const Values& got, const Json& want, const std::string& what) {
    std::vector<double> flat;
    for (const Json& row : want) {
      if (row.is_array()) {
        for (const Json& value : row) flat.push_back(value);
      } else {
        flat.push_back(row);
      }
    }
    ASSERT_EQ(got.size(), flat.size()) << what;
    ASSERT_GE(flat.size(), 4u);
    for (size_t i = 0; i < flat.size(); ++i) {
      ASSERT_TRUE(got[i].has_value());
      EXPECT_NEAR(*got[i], flat[i], kBar) << what << " " << i;
    }
  }

  static const AlignedGroup& group(const std::vector<AlignedGroup>& groups,
                                   const std::string& name) {
    for (const AlignedGroup& one : groups) {
      if (one.group == name) return one;
    }
    throw std::runtime_error("no group " + name);
  }

  // All tables that the reference has under `key`.
  void expect_sar(const SuiteAnalysis& suite, const std::string& key) const {
    const auto named = by_name(suite, &MatrixAnalysis::sar, Grouping::kModel);
    ASSERT_FALSE(golden()["sar"][key].empty());
    for (const auto& [name, want] : golden()["sar"][key].items()) {
      expect_values(named.at(name).at(0).values, want, key + " " + name);
    }
  }

  void expect_ranks(const SuiteAnalysis& suite, size_t subject, const std::string& key) const {
    std::map<std::string, at::Tensor> spectra;
    for (const MatrixAnalysis& matrix : suite.matrices) {
      spectra[matrix.info.name] = matrix.spectra.at(subject);
    }
    const std::vector<std::string> names = golden()["matrices"];
    ASSERT_EQ(names.size(), spectra.size());
    for (const auto& [rule, want] : golden()["ranks"][key].items()) {
      for (size_t i = 0; i < names.size(); ++i) {
        EXPECT_EQ(chosen_rank(kChoices.at(rule), spectra.at(names[i])), want[i].get<int64_t>())
            << key << " " << rule << " " << names[i];
      }
    }
  }

  TemporaryFolder folder_;
  Updates updates_;
  AnalysisSettings settings_;
};

TEST_F(AnalysisGolden, SarOfTheSumAgreesByEveryRuleOnEverySide) {
  settings_.with_sar = true;
  const SuiteAnalysis suite = analyse_matrices(updates_, nullptr, settings_);
  expect_sar(suite, "sum");
  const auto layers = by_name(suite, &MatrixAnalysis::sar, Grouping::kLayer);
  expect_values(group(layers.at("paper left"), "visual.transformer.resblocks.1").values,
                golden()["sar_of_layer_1"]["paper left"], "layer");
  const auto modules = by_name(suite, &MatrixAnalysis::sar, Grouping::kModule);
  for (const auto& [module, want] : golden()["sar_of_modules"].items()) {
    expect_values(group(modules.at("code left"), module).values, want["code left"], module);
  }
}

TEST_F(AnalysisGolden, SarOfIsoCAndOfHalfwayToItAgrees) {
  settings_.with_sar = true;
  for (const auto& [beta, key] : {std::pair(1.0, "iso_c"), std::pair(0.5, "halfway")}) {
    const MergedUpdate file = merged(beta);
    expect_sar(analyse_matrices(updates_, &file, settings_), key);
  }
}

TEST_F(AnalysisGolden, PairwiseSarAgrees) {
  settings_.with_pairs = true;
  const auto named = by_name(analyse_matrices(updates_, nullptr, settings_), &MatrixAnalysis::pairs,
                             Grouping::kModel);
  EXPECT_EQ(golden()["pairs"].size(), 3u);
  for (const auto& [name, want] : golden()["pairs"].items()) {
    expect_values(named.at(name).at(0).values, want, name);
  }
}

TEST_F(AnalysisGolden, EnergyRanksOfAllSpectraAgreeMatrixByMatrix) {
  for (const std::string task : golden()["tasks"]) settings_.subjects.push_back(task);
  settings_.subjects.push_back(kMerged);
  const SuiteAnalysis suite = analyse_matrices(updates_, nullptr, settings_);
  for (size_t i = 0; i < updates_.tasks().size(); ++i) expect_ranks(suite, i, updates_.tasks()[i]);
  expect_ranks(suite, updates_.tasks().size(), "sum");
  settings_.subjects = {kMerged};
  for (const auto& [beta, key] : {std::pair(1.0, "iso_c"), std::pair(0.5, "halfway")}) {
    const MergedUpdate file = merged(beta);
    expect_ranks(analyse_matrices(updates_, &file, settings_), 0, key);
  }
}

TEST_F(AnalysisGolden, ValuesOfTheSumAgreeAtBothEnds) {
  settings_.subjects = {kSum};
  for (const MatrixAnalysis& matrix : analyse_matrices(updates_, nullptr, settings_).matrices) {
    const at::Tensor& s = matrix.spectra[0];
    const Json& want = golden()["values"][matrix.info.name];
    const double sigma_1 = want[0];
    size_t i = 0;
    for (const int64_t at : {int64_t{0}, int64_t{1}, s.numel() - 2, s.numel() - 1}) {
      EXPECT_NEAR(s[at].item<double>(), want[i++].get<double>(), kBar * sigma_1);
    }
  }
}

TEST_F(AnalysisGolden, TheEnergyOfAQuarterOfTheDirectionsAgrees) {
  for (const std::string task : golden()["tasks"]) settings_.subjects.push_back(task);
  const auto means = mean_truncations(analyse_matrices(updates_, nullptr, settings_), settings_,
                                      {RankFraction{0.25}}, Grouping::kModel);
  ASSERT_EQ(means.size(), 4u);
  for (size_t t = 0; t < means.size(); ++t) {
    EXPECT_NEAR(means[t].groups[0].energy, golden()["energy_of_share"][t].get<double>(), kBar);
  }
}

TEST_F(AnalysisGolden, CosinesAndNormsOfWholeUpdatesAgree) {
  const CosineGroup all = update_cosines(updates_, nullptr, {}).at(0);
  expect_values(all.cosines, golden()["cosines"], "cosine");
  for (size_t i = 0; i < all.norms.size(); ++i) {
    const double want = golden()["norms"][i];
    EXPECT_NEAR(all.norms[i], want, kBar * want);
  }
}

}  // namespace
}  // namespace isomerge
