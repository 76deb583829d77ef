#include "analysis/matrix_analysis.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/matmul.h>
#include <gtest/gtest.h>

#include "analysis/averages.h"
#include "analysis/suite_files.h"
#include "linalg/svd.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

const EnergyRule kPaper = {RankRule::kPaper, 0.05, false, 0.0};

class AnalyseMatrices : public ::testing::Test {
 protected:
  AnalyseMatrices() {
    settings_.with_sar = settings_.with_pairs = true;
    settings_.ranks = {RankCount{2}, kPaper, EnergyRule{RankRule::kCode, 0.2, false, 0.5}};
    settings_.sides = {Side::kLeft, Side::kRight, Side::kBoth};
    settings_.subjects = {"b", kMerged};
  }

  SuiteAnalysis analyse(const MergedUpdate* merged = nullptr) const {
    return analyse_matrices(files_.updates(), merged, settings_);
  }

  static const MatrixAnalysis& matrix(const SuiteAnalysis& suite, const std::string& name) {
    return *std::find_if(suite.matrices.begin(), suite.matrices.end(),
                         [&](const MatrixAnalysis& one) { return one.info.name == name; });
  }

  SuiteFiles files_;
  AnalysisSettings settings_;
};

// |P d|_F / |d|_F with the projectors of the k leading directions of `of`, from a full SVD.
double dense_alignment(const at::Tensor& d, const at::Tensor& of, int64_t k, Side side) {
  const Svd svd = thin_svd(of).leading(k);
  at::Tensor part = d;
  if (side != Side::kRight) part = at::matmul(at::matmul(svd.u, svd.u.t()), part);
  if (side != Side::kLeft) part = at::matmul(part, at::matmul(svd.vt.t(), svd.vt));
  return (part.norm() / d.norm()).item<double>();
}

void expect_dense(const SuiteAnalysis& suite, const AnalysisSettings& settings, double bar) {
  size_t compared = 0;
  for (const MatrixAnalysis& matrix : suite.matrices) {
    const at::Tensor sum = SuiteFiles::sum(matrix.info.name);
    const at::Tensor s = at::linalg_svdvals(sum);
    ASSERT_EQ(matrix.sar.size(), 9u);
    ASSERT_EQ(matrix.pairs.size(), 9u);
    for (size_t a = 0; a < 9; ++a) {
      const Alignment& sar = matrix.sar[a];
      ASSERT_EQ(sar.choice, a / 3);
      ASSERT_EQ(sar.side, settings.sides[a % 3]);
      ASSERT_EQ(sar.k, chosen_rank(settings.ranks[a / 3], s)) << matrix.info.name;
      for (int i = 0; i < SuiteFiles::kTasks; ++i) {
        const bool is_zero = matrix.info.name == "square" && i == 1;
        const auto value = sar.values.at(static_cast<size_t>(i));
        ASSERT_EQ(value.has_value(), !is_zero);
        if (is_zero) continue;
        const at::Tensor d = SuiteFiles::update(i, matrix.info.name);
        EXPECT_NEAR(*value, dense_alignment(d, sum, sar.k, sar.side), bar) << matrix.info.name;
        for (int j = 0; j < SuiteFiles::kTasks; ++j) {
          const auto pair =
              matrix.pairs[a].values.at(static_cast<size_t>(i * SuiteFiles::kTasks + j));
          const bool has_space = !(matrix.info.name == "square" && j == 1);
          ASSERT_EQ(pair.has_value(), has_space);
          if (!has_space) continue;
          EXPECT_NEAR(*pair,
                      dense_alignment(d, SuiteFiles::update(j, matrix.info.name), sar.k, sar.side),
                      bar)
              << matrix.info.name << " " << i << " " << j;
          ++compared;
        }
      }
    }
  }
  EXPECT_EQ(compared, 9u * (3 * 9 + 4));
}

TEST_F(AnalyseMatrices, StreamedIsWhatDenseFormulasGive) {
  expect_dense(analyse(), settings_, 1e-6);
  settings_.dtype = at::kDouble;
  expect_dense(analyse(), settings_, 1e-12);
}

TEST_F(AnalyseMatrices, SpectraAreThoseOfLapack) {
  settings_.subjects = {"b", kSum, kMerged, "a"};
  for (const bool alone : {false, true}) {
    settings_.with_sar = settings_.with_pairs = !alone;
    for (const MatrixAnalysis& one : analyse().matrices) {
      const std::string& name = one.info.name;
      ASSERT_EQ(one.spectra.size(), 4u);
      EXPECT_LE(relative_error(one.spectra[0], at::linalg_svdvals(SuiteFiles::update(1, name))),
                1e-10);
      EXPECT_LE(relative_error(one.spectra[1], at::linalg_svdvals(SuiteFiles::sum(name))), 1e-10);
      EXPECT_TRUE(one.spectra[2].equal(one.spectra[1])) << "without a file it is the sum";
      EXPECT_LE(relative_error(one.spectra[3], at::linalg_svdvals(SuiteFiles::update(0, name))),
                1e-10);
    }
  }
}

TEST_F(AnalyseMatrices, AMatrixThatNobodyChangedIsLeftOut) {
  const SuiteAnalysis suite = analyse();
  EXPECT_EQ(suite.matrices.size(), 4u);
  EXPECT_EQ(suite.unchanged, std::vector<std::string>{"frozen"});
}

TEST_F(AnalyseMatrices, TheSameBitsComeFromAnyNumberOfThreads) {
  const SuiteAnalysis one = analyse();
  settings_.threads = 3;
  const SuiteAnalysis three = analyse();
  ASSERT_EQ(one.matrices.size(), three.matrices.size());
  for (size_t i = 0; i < one.matrices.size(); ++i) {
    EXPECT_EQ(one.matrices[i].info.name, three.matrices[i].info.name);
    for (size_t a = 0; a < one.matrices[i].sar.size(); ++a) {
      EXPECT_EQ(one.matrices[i].sar[a].values, three.matrices[i].sar[a].values);
      EXPECT_EQ(one.matrices[i].pairs[a].values, three.matrices[i].pairs[a].values);
    }
    EXPECT_TRUE(one.matrices[i].spectra[0].equal(three.matrices[i].spectra[0]));
  }
}

TEST_F(AnalyseMatrices, AMergedFileTakesThePlaceOfTheSumWhateverItsScale) {
  Weights merged = SuiteFiles::expert(2);
  for (auto& [name, tensor] : merged) {
    if (name != "ids") tensor = tensor.mul(0.3);
  }
  const Updates updates = files_.updates();
  const MergedUpdate model(files_.save("model", merged), updates.base());
  settings_.subjects = {kMerged, kSum};
  const SuiteAnalysis suite = analyse_matrices(updates, &model, settings_);
  for (const MatrixAnalysis& one : suite.matrices) {
    const Alignment& pair = one.pairs[0];
    EXPECT_NEAR(*one.sar[0].values[2], *pair.values[8], 1e-6) << "D_M is 0.3 D_c";
    EXPECT_NEAR(*one.sar[0].values[0], *pair.values[2], 1e-6);
    const std::string& name = one.info.name;
    EXPECT_LE(relative_error(one.spectra[0], at::linalg_svdvals(SuiteFiles::update(2, name)) * 0.3),
              1e-6);
    EXPECT_LE(relative_error(one.spectra[1], at::linalg_svdvals(SuiteFiles::sum(name))), 1e-10);
  }
}

TEST_F(AnalyseMatrices, ARankBetweenEqualValuesIsNoted) {
  settings_.with_pairs = false;
  settings_.ranks = {RankCount{2}, RankCount{9}};
  const Updates updates = files_.updates();
  Weights flat = SuiteFiles::base();
  for (auto& [name, tensor] : flat) {
    if (tensor.dim() == 2 && name != "ids") tensor.fill_diagonal_(1.0);
  }
  const MergedUpdate merged(files_.save("flat", flat), updates.base());
  for (const MatrixAnalysis& one : analyse_matrices(updates, &merged, settings_).matrices) {
    EXPECT_TRUE(one.is_tied) << one.info.name;
  }
  for (const MatrixAnalysis& one : analyse().matrices) EXPECT_FALSE(one.is_tied);
}

TEST_F(AnalyseMatrices, EigenpairsInTheFactorCacheServeAgain) {
  const TemporaryFolder folder;
  FactorCache cache(folder.path());
  const SuiteAnalysis without = analyse();
  settings_.cache = &cache;
  analyse();
  const int64_t computed = cache.counts().computed;
  EXPECT_EQ(computed, 4 + 11) << "a sum of every matrix, and every update that is not zero";
  const SuiteAnalysis again = analyse();
  EXPECT_EQ(cache.counts().computed, computed);
  EXPECT_EQ(cache.counts().reused, computed);
  EXPECT_EQ(again.matrices[0].pairs[4].values, without.matrices[0].pairs[4].values);
}

TEST_F(AnalyseMatrices, ATaskCalledLikeASubjectIsRefused) {
  files_.save("other", SuiteFiles::expert(0));
  const Updates updates(files_.path("base"), {{"sum", files_.path("other")}});
  expect_mentions(error_message([&] { analyse_matrices(updates, nullptr, settings_); }),
                  {"\"sum\""});
}

TEST_F(AnalyseMatrices, MeansOfLayersAreOverTheirMatrices) {
  const SuiteAnalysis suite = analyse();
  const auto means = mean_alignments(suite, settings_, &MatrixAnalysis::sar, Grouping::kLayer);
  ASSERT_EQ(means.size(), 9u);
  const AlignedGroup& layer = means[3].groups.at(0);  // paper's rule, left
  EXPECT_EQ(layer.group, "blocks.2");
  EXPECT_EQ(layer.matrices, 2);
  const Alignment& wide = matrix(suite, "blocks.2.wide").sar[3];
  const Alignment& tall = matrix(suite, "blocks.2.tall").sar[3];
  EXPECT_DOUBLE_EQ(layer.k, static_cast<double>(wide.k + tall.k) / 2);
  EXPECT_DOUBLE_EQ(*layer.values[1], (*wide.values[1] + *tall.values[1]) / 2);
  EXPECT_EQ(means[3].groups.at(2).group, "square");
  EXPECT_EQ(means[3].groups.at(2).values[1], std::nullopt);
  EXPECT_EQ(means[3].side, Side::kLeft);
  EXPECT_EQ(rank_text(means[3].choice), rank_text(kPaper));
}

TEST_F(AnalyseMatrices, TruncationIsReadOffEverySubjectsOwnSpectrum) {
  const SuiteAnalysis suite = analyse();
  const auto means = mean_truncations(suite, settings_, {RankCount{2}}, Grouping::kMatrix);
  ASSERT_EQ(means.size(), 2u);
  EXPECT_EQ(means[0].subject, "b");
  const at::Tensor d = SuiteFiles::update(1, "blocks.2.tall");
  const Svd kept = thin_svd(d).leading(2);
  const at::Tensor part = at::matmul(kept.u * kept.s, kept.vt);
  const TruncatedGroup& tall = means[0].groups.at(0);
  EXPECT_EQ(tall.group, "blocks.2.tall");
  EXPECT_EQ(tall.k, 2);
  EXPECT_NEAR(tall.relative_error, ((d - part).norm() / d.norm()).item<double>(), 1e-10);
  EXPECT_NEAR(tall.energy, (part.norm() / d.norm()).square().item<double>(), 1e-10);
}

TEST(MergedUpdate, OfAModelIsItsDifferenceToTheBase) {
  const SuiteFiles files;
  Weights base = SuiteFiles::base();
  base["square"] = base["square"].add(2.0);
  files.save("base", base);
  const Checkpoint open(files.path("base"));
  Weights model = base;
  model["square"] = model["square"].add(0.5);
  EXPECT_TRUE(MergedUpdate(files.save("model", model), open)
                  .load("square", at::kDouble)
                  .equal(at::zeros({6, 6}, at::kDouble).add(0.5)));
  EXPECT_TRUE(MergedUpdate(files.save_update("update", model), open)
                  .rows("square", 1, 2, at::kFloat)
                  .equal(at::zeros({2, 6}).add(2.5)))
      << "an update is taken as it is";
}

TEST(MergedUpdate, OfAnotherLayoutOrWithNaNIsRefused) {
  const SuiteFiles files;
  const Checkpoint base(files.path("base"));
  Weights model = SuiteFiles::base();
  model.erase("square");
  model["blocks.2.tall"] = at::zeros({5, 9});
  expect_mentions(error_message([&] { MergedUpdate(files.save("bad", model), base); }),
                  {"bad.safetensors", "square", "blocks.2.tall", "[5, 9]"});
  model = SuiteFiles::base();
  model["square"][0][0] = std::numeric_limits<float>::quiet_NaN();
  const MergedUpdate nan(files.save("nan", model), base);
  expect_mentions(error_message([&] { nan.load("square", at::kFloat); }),
                  {"nan.safetensors", "square", "NaN"});
}

}  // namespace
}  // namespace isomerge
