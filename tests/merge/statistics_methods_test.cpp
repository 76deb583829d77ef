// Fisher merging, RegMean and MaTS: identities, and closed forms in fp64.
#include <ATen/TensorOperators.h>
#include <ATen/ops/diag.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/kron.h>
#include <ATen/ops/linalg_inv.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "checkpoint/safetensors.h"
#include "config/method_info.h"
#include "merge/mats.h"
#include "merge/merge_files.h"
#include "merge/method.h"
#include "merge/regmean.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

constexpr int64_t kRows = 7, kColumns = 5, kEntries = 4;
constexpr int kTasks = 3;

std::vector<at::Tensor> grams(int64_t n, uint64_t seed) {
  std::vector<at::Tensor> out;
  for (int t = 0; t < kTasks; ++t) {
    const at::Tensor a = random_tensor({n + 3, n}, seed + static_cast<uint64_t>(t));
    out.push_back(at::matmul(a.t(), a));
  }
  return out;
}

std::vector<at::Tensor> copies(const std::vector<at::Tensor>& all) {
  std::vector<at::Tensor> out;
  for (const at::Tensor& one : all) out.push_back(one.clone());
  return out;
}

const std::vector<Update> kUpdates = random_updates(kRows, kColumns, kTasks, 10);
at::Tensor base() { return random_tensor({kRows, kColumns}, 99); }

// sum_t D_t G_t (sum_t G_t)^-1 by an inverse.
at::Tensor closed_regmean(const std::vector<at::Tensor>& of, double lambda) {
  at::Tensor sum = at::zeros({kColumns, kColumns}, at::kDouble),
             right = at::zeros({kRows, kColumns}, at::kDouble);
  for (size_t t = 0; t < of.size(); ++t) {
    const at::Tensor g = of[t] * lambda + at::diag(of[t].diagonal()) * (1 - lambda);
    sum = sum + g;
    right = right + at::matmul(kUpdates[t].dense(), g);
  }
  return at::matmul(right, at::linalg_inv(sum));
}

TEST(RegMean, IsTheClosedForm) {
  const auto of = grams(kColumns, 1);
  for (const double lambda : {1.0, 0.8, 0.0}) {
    const Merged got = merge_regmean(Factors(kUpdates), copies(of), lambda);
    EXPECT_LE(relative_error(got.update, closed_regmean(of, lambda)), 1e-10) << lambda;
    EXPECT_EQ(got.findings.cut, 0);
  }
}

TEST(RegMean, OfEqualInputsIsTheMean) {
  const at::Tensor one = grams(kColumns, 4)[0];
  const Merged got = merge_regmean(Factors(kUpdates), {one.clone(), one.clone(), one.clone()}, 0.9);
  EXPECT_LE(relative_error(got.update, sum_of_updates(kUpdates) / 3.0), 1e-10);
}

TEST(RegMean, KeepsTheBaseWhereNoInputEverIs) {
  auto of = grams(kColumns, 1);
  for (at::Tensor& gram : of) {
    gram.select(0, 2).zero_();
    gram.select(1, 2).zero_();
  }
  const Merged got = merge_regmean(Factors(kUpdates), copies(of), 1.0);
  EXPECT_EQ(got.findings.cut, 1);
  EXPECT_LE(got.update.select(1, 2).abs().max().item<double>(), 1e-12);
  // The rest is RegMean of the rest.
  const at::Tensor keep = at::tensor({0, 1, 3, 4});
  at::Tensor sum = at::zeros({4, 4}, at::kDouble), right = at::zeros({kRows, 4}, at::kDouble);
  for (size_t t = 0; t < of.size(); ++t) {
    const at::Tensor g = of[t].index_select(0, keep).index_select(1, keep);
    sum = sum + g;
    right = right + at::matmul(kUpdates[t].dense().index_select(1, keep), g);
  }
  EXPECT_LE(
      relative_error(got.update.index_select(1, keep), at::matmul(right, at::linalg_inv(sum))),
      1e-9);
}

MatsOptions steps(int64_t iterations, MatsStart start = MatsStart::kAverage) {
  return {{iterations, Stopping::kCurrent, 1e-13}, start, 0.3};
}

TEST(Mats, OfInputsConvergesToRegMean) {
  const auto of = grams(kColumns, 1);
  for (const MatsStart start :
       {MatsStart::kAverage, MatsStart::kZero, MatsStart::kBase, MatsStart::kTaskArithmetic}) {
    const Merged got = merge_mats(Factors(kUpdates), base(), {of, {}, {}}, steps(200, start));
    EXPECT_TRUE(got.findings.solver.converged);
    EXPECT_LE(relative_error(got.update, closed_regmean(of, 1.0)), 1e-8);
  }
}

// As models are merged: many steps, in a basis that is itself of fp32.
TEST(Mats, OfInputsInFp32IsRegMeanToItsRounding) {
  const auto of = grams(kColumns, 1);
  std::vector<at::Tensor> inputs;
  for (const at::Tensor& gram : of) inputs.push_back(gram.to(at::kFloat));
  std::vector<Update> updates;
  for (const Update& update : kUpdates) updates.emplace_back(update.dense().to(at::kFloat));
  const Merged got = merge_mats(Factors(updates), base().to(at::kFloat), {inputs, {}, {}},
                                {{200, Stopping::kCurrent, 1e-6}, MatsStart::kAverage, 0.3});
  EXPECT_TRUE(got.findings.solver.converged);
  EXPECT_EQ(got.update.scalar_type(), at::kFloat);
  EXPECT_LE(relative_error(got.update, closed_regmean(of, 1.0)), 1e-4);
}

// Few steps are taken as they are written, many in another basis.
TEST(Mats, TakesTheSameStepsWhetherFewOrManyAreAllowed) {
  const auto merged = [&](int64_t iterations, const MatsStart start) {
    return merge_mats(Factors(kUpdates), base(), {grams(kColumns, 1), {}, {}},
                      {{iterations, Stopping::kCurrent, 0.02}, start, 0.3});
  };
  for (const MatsStart start : {MatsStart::kAverage, MatsStart::kZero}) {
    const Merged many = merged(200, start), few = merged(12, start);
    const SolverFindings &with_many = many.findings.solver, &with_few = few.findings.solver;
    EXPECT_TRUE(with_few.converged);
    EXPECT_GT(with_few.iterations, 0);
    EXPECT_EQ(with_many.iterations, with_few.iterations);
    EXPECT_LE(relative_error(many.update, few.update), 1e-12);
    EXPECT_NEAR(with_many.first_residual, with_few.first_residual, 1e-9);
    EXPECT_NEAR(with_many.last_residual, with_few.last_residual, 1e-9);
  }
}

// sum_t kron(B_t, A_t) vec(W) = sum_t kron(B_t, A_t) vec(W_t), solved whole.
TEST(Mats, OfInputsAndOutputsSolvesTheKroneckerSystem) {
  const auto inputs = grams(kColumns, 1), outputs = grams(kRows, 20);
  at::Tensor system = at::zeros({kRows * kColumns, kRows * kColumns}, at::kDouble);
  at::Tensor right = at::zeros({kRows * kColumns}, at::kDouble);
  for (size_t t = 0; t < kTasks; ++t) {
    const at::Tensor one = at::kron(outputs[t], inputs[t]);
    system = system + one;
    right = right + at::matmul(one, (base() + kUpdates[t].dense()).reshape({-1}));
  }
  const at::Tensor want = at::linalg_solve(system, right).view({kRows, kColumns}) - base();
  const Merged got = merge_mats(Factors(kUpdates), base(), {inputs, outputs, {}}, steps(2000));
  EXPECT_LE(relative_error(got.update, want), 1e-6);
}

// A vector is one column, its block of Fisher information what weighs its outputs.
TEST(Mats, OfBlocksSolvesTheirSystemForAVector) {
  const std::vector<Update> updates = random_updates(kRows, 1, kTasks, 60);
  const at::Tensor start = random_tensor({kRows, 1}, 98);
  const auto blocks = grams(kRows, 30);
  at::Tensor system = at::zeros({kRows, kRows}, at::kDouble), right = at::zeros_like(start);
  for (size_t t = 0; t < kTasks; ++t) {
    system = system + blocks[t];
    right = right + at::matmul(blocks[t], start + updates[t].dense());
  }
  const at::Tensor want = at::linalg_solve(system, right) - start;
  for (const MatsStart where : {MatsStart::kTaskArithmetic, MatsStart::kZero}) {
    const Merged got = merge_mats(Factors(updates), start, {{}, blocks, {}}, steps(200, where));
    EXPECT_TRUE(got.findings.solver.converged);
    EXPECT_LE(relative_error(got.update, want), 1e-8);
  }
  const at::Tensor one = at::eye(kRows, at::kDouble) * 0.3;
  const Merged even = merge_mats(Factors(updates), start, {{}, {one, one, one}, {}}, steps(5));
  EXPECT_LE(relative_error(even.update, sum_of_updates(updates) / 3.0), 1e-12);
}

TEST(Mats, OfEqualOutputsIsRegMean) {
  const auto of = grams(kColumns, 1);
  const at::Tensor one = at::eye(kRows, at::kDouble) * 0.3;
  const Merged got = merge_mats(Factors(kUpdates), base(), {of, {one, one, one}, {}}, steps(200));
  EXPECT_LE(relative_error(got.update, closed_regmean(of, 1.0)), 1e-8);
}

TEST(Mats, OfNothingIsTheMeanAfterOneStep) {
  const Merged got = merge_mats(Factors(kUpdates), base(), {}, steps(1, MatsStart::kZero));
  EXPECT_LE(relative_error(got.update, sum_of_updates(kUpdates) / 3.0), 1e-12);
  EXPECT_EQ(got.findings.solver.iterations, 1);
}

TEST(Mats, OfFisherInformationIsTheWeightedMean) {
  std::vector<at::Tensor> fisher;
  at::Tensor sum = at::zeros({kRows, kColumns}, at::kDouble), total = sum.clone();
  for (uint64_t t = 0; t < kTasks; ++t) {
    fisher.push_back(random_tensor({kRows, kColumns}, 40 + t).square() + 0.1);
    sum = sum + fisher.back() * kUpdates[t].dense();
    total = total + fisher.back();
  }
  const Merged got = merge_mats(Factors(kUpdates), base(), {{}, {}, fisher}, steps(500));
  EXPECT_LE(relative_error(got.update, sum / total), 1e-8);
}

TEST(Mats, WithoutStepsIsItsStart) {
  const auto of = grams(kColumns, 1);
  const auto start = [&](MatsStart where) {
    return merge_mats(Factors(kUpdates), base(), {of, {}, {}}, steps(0, where)).update;
  };
  EXPECT_LE(relative_error(start(MatsStart::kAverage), sum_of_updates(kUpdates) / 3.0), 1e-12);
  EXPECT_LE(relative_error(start(MatsStart::kTaskArithmetic), sum_of_updates(kUpdates) * 0.3),
            1e-12);
  EXPECT_LE(start(MatsStart::kBase).abs().max().item<double>(), 1e-15);
  EXPECT_LE(relative_error(start(MatsStart::kZero), -base()), 1e-12);
}

// Files of two experts with one matrix and one vector, and statistics of both.
class StatisticsMergeTest : public testing::Test {
 protected:
  StatisticsMergeTest() {
    write_safetensors(folder_ / "base.safetensors", weights(1));
    for (const std::string task : {"a", "b"}) {
      const auto path = folder_ / (task + ".safetensors");
      write_safetensors(path, weights(task == "a" ? 2 : 3));
      recipe_.experts.emplace_back(task, path);
      for (const auto kind : {StatisticsKind::kFisher, StatisticsKind::kInput,
                              StatisticsKind::kOutput, StatisticsKind::kBlockFisher}) {
        write_statistics(task, kind, hash_file(path));
      }
    }
    recipe_.base = folder_ / "base.safetensors";
    recipe_.out = folder_ / "out.safetensors";
    recipe_.statistics = folder_.path();
    recipe_.precision = Precision::kFp64;
    recipe_.dtype = OutputDtype::kFp32;
  }

  static Weights weights(uint64_t seed) {
    return {{"m", random_tensor({kRows, kColumns}, seed).to(at::kFloat)},
            {"v", random_tensor({kEntries}, seed + 50).to(at::kFloat)}};
  }

  at::Tensor statistic(const std::string& task, StatisticsKind kind,
                       const std::string& name) const {
    const uint64_t seed = (task == "a" ? 7 : 8) + 10 * static_cast<uint64_t>(kind);
    if (kind == StatisticsKind::kFisher) {
      return random_tensor(
                 name == "m" ? at::IntArrayRef{kRows, kColumns} : at::IntArrayRef{kEntries}, seed)
          .square()
          .to(at::kFloat);
    }
    const int64_t n = kind == StatisticsKind::kInput    ? kColumns
                      : kind == StatisticsKind::kOutput ? kRows
                                                        : kEntries;
    const at::Tensor a = random_tensor({n + 2, n}, seed);
    return at::matmul(a.t(), a).to(at::kFloat);
  }

  void write_statistics(const std::string& task, StatisticsKind kind, const std::string& expert) {
    auto metadata = origin_metadata({task, kind_text(kind), expert, "m", "d", "val", "1000"});
    Weights tensors;
    if (kind == StatisticsKind::kFisher) {
      for (const std::string name : {"m", "v"}) tensors[name] = statistic(task, kind, name);
    } else if (kind == StatisticsKind::kBlockFisher) {
      tensors["block_fisher/v"] = pack_symmetric(statistic(task, kind, "v"));
    } else {
      tensors[kind_text(kind) + "/m"] = pack_symmetric(statistic(task, kind, "m"));
      if (kind == StatisticsKind::kInput) metadata[input_key("m")] = "input/m";
    }
    write_safetensors(statistics_path(folder_.path(), task, kind), tensors, metadata);
  }

  Weights merge(const std::string& method, const Options& options = {}) {
    recipe_.method = method;
    recipe_.options = options;
    require_complete(recipe_);
    merge_files({recipe_}, {});
    return Checkpoint(recipe_.out).read_all();
  }

  TemporaryFolder folder_;
  Recipe recipe_;
};

TEST_F(StatisticsMergeTest, FisherWeighsEveryEntryOfEveryTensor) {
  const Weights got = merge("fisher");
  for (const std::string name : {"m", "v"}) {
    const at::Tensor fa = statistic("a", StatisticsKind::kFisher, name).clamp_min(1e-8),
                     fb = statistic("b", StatisticsKind::kFisher, name).clamp_min(1e-8);
    const at::Tensor want = (fa * weights(2).at(name) + fb * weights(3).at(name)) / (fa + fb);
    EXPECT_LE(relative_error(got.at(name), want), 1e-6) << name;
  }
  // A floor above everything makes it the mean.
  const Weights flat = merge("fisher", {{"floor", 1e9}});
  EXPECT_LE(relative_error(flat.at("m"), (weights(2).at("m") + weights(3).at("m")) / 2), 1e-6);
}

TEST_F(StatisticsMergeTest, FisherScalesFlooredFishersByTheSharesOfTwoExperts) {
  for (const double share : {0.0, 0.3, 0.5, 1.0}) {
    const Weights got = merge("fisher", {{"first_share", share}, {"floor", 0.5}});
    for (const std::string name : {"m", "v"}) {
      const at::Tensor fa = statistic("a", StatisticsKind::kFisher, name).clamp_min(0.5) * share,
                       fb = statistic("b", StatisticsKind::kFisher, name).clamp_min(0.5) *
                            (1 - share);
      const at::Tensor want = (fa * weights(2).at(name) + fb * weights(3).at(name)) / (fa + fb);
      EXPECT_LE(relative_error(got.at(name), want), 1e-6) << name << " " << share;
    }
  }
}

TEST_F(StatisticsMergeTest, RegMeanAndMatsReadTheirStatisticsAndAverageTheRest) {
  const at::Tensor mean = (weights(2).at("v") + weights(3).at("v")) / 2;
  const at::Tensor ga = statistic("a", StatisticsKind::kInput, "m").to(at::kDouble),
                   gb = statistic("b", StatisticsKind::kInput, "m").to(at::kDouble);
  const at::Tensor want = at::matmul(at::matmul(weights(2).at("m").to(at::kDouble), ga) +
                                         at::matmul(weights(3).at("m").to(at::kDouble), gb),
                                     at::linalg_inv(ga + gb));
  const Weights regmean = merge("regmean", {{"off_diagonal", 1.0}});
  EXPECT_LE(relative_error(regmean.at("m"), want), 1e-5);
  EXPECT_LE(relative_error(regmean.at("v"), mean), 1e-6);
  const Options current{{"objective", std::string("regmean")},
                        {"stopping", std::string("current")}};
  const Weights mats = merge("mats", current);
  EXPECT_LE(relative_error(mats.at("m"), want), 1e-3);  // tolerance 1e-5 of the residual
  EXPECT_LE(relative_error(mats.at("v"), mean), 1e-6);
  const Weights kfac = merge("mats");
  EXPECT_GT(relative_error(kfac.at("m"), want), 1e-3);
}

TEST_F(StatisticsMergeTest, MatsOfBlocksSolvesVectorsAndAveragesTheRest) {
  const Options blocks{{"objective", std::string("block_fisher")},
                       {"stopping", std::string("current")}};
  const auto of = [&](const char* task) {
    return statistic(task, StatisticsKind::kBlockFisher, "v").to(at::kDouble);
  };
  const auto vector = [&](uint64_t seed) { return weights(seed).at("v").to(at::kDouble); };
  const at::Tensor want = at::linalg_solve(
      of("a") + of("b"), at::matmul(of("a"), vector(2)) + at::matmul(of("b"), vector(3)));
  const at::Tensor mean = (vector(2) + vector(3)) / 2;
  const Weights got = merge("mats", blocks);
  EXPECT_LE(relative_error(got.at("v"), want), 1e-5);
  EXPECT_GT(relative_error(got.at("v"), mean), 1e-2);
  EXPECT_LE(relative_error(got.at("m"), (weights(2).at("m") + weights(3).at("m")) / 2), 1e-6);
  recipe_.average = {"v"};
  EXPECT_LE(relative_error(merge("mats", blocks).at("v"), mean), 1e-6);
  recipe_.average = {};
  write_statistics("b", StatisticsKind::kBlockFisher, "0123");
  expect_mentions(error_message([&] { merge("mats", blocks); }),
                  {"b.block_fisher.safetensors", "another expert", "0123"});
}

TEST_F(StatisticsMergeTest, RefusesStatisticsOfAnotherModel) {
  write_statistics("b", StatisticsKind::kInput, "0123");
  expect_mentions(error_message([&] { merge("regmean"); }),
                  {"b.input.safetensors", "another expert", "0123", "isomerge statistics"});
  EXPECT_FALSE(std::filesystem::exists(recipe_.out));
}

TEST_F(StatisticsMergeTest, SaysWhichStatisticsAreMissingAndWhatMakesThem) {
  std::filesystem::remove(statistics_path(folder_.path(), "a", StatisticsKind::kOutput));
  expect_mentions(error_message([&] { merge("mats"); }),
                  {"a.output.safetensors", "no such file", "isomerge statistics", "--kind kfac"});
  recipe_.statistics.clear();
  expect_mentions(error_message([&] { merge("fisher"); }), {"fisher needs", "--statistics DIR"});
}

TEST_F(StatisticsMergeTest, RefusesAMatrixOfAnotherSize) {
  auto metadata = origin_metadata(
      {"a", "input", hash_file(folder_ / "a.safetensors"), "m", "d", "val", "1000"});
  metadata[input_key("m")] = "input/m";
  write_safetensors(statistics_path(folder_.path(), "a", StatisticsKind::kInput),
                    {{"input/m", at::zeros({10})}}, metadata);
  expect_mentions(error_message([&] { merge("regmean"); }),
                  {"a.input.safetensors", "input/m", "15", "[10]"});
}

}  // namespace
}  // namespace isomerge
