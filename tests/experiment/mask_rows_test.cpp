// Rows made of TALL masks, from the shipped mini suite's files to records: which lambdas are
// chosen, what is computed, and that a start in between goes on.
#include "config/mask_rows.h"

#include <algorithm>
#include <limits>
#include <map>

#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "config/experiment.h"
#include "experiment/experiment_status.h"
#include "experiment/runner.h"
#include "store/plan.h"
#include "store/result_store.h"
#include "store/scores.h"
#include "support/expect_error.h"
#include "support/program.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

const fs::path kSuite = fs::path(ISOMERGE_SOURCE_DIR) / "experiments/suites/mini_vision.json";

// The mini suite's first two tasks, the second with an expert that holds a NaN.
fs::path write_broken_suite(const TemporaryFolder& folder) {
  const Suite suite = read_suite(kSuite);
  Weights bad = Checkpoint(suite.tasks[1].expert).read_all();
  bad["visual.proj"][0][0] = std::numeric_limits<float>::quiet_NaN();
  write_safetensors(folder / "bad.safetensors", bad);
  nlohmann::json json = {
      {"title", "Broken"},
      {"encoder", suite.module},
      {"base", suite.base},
      {"heads", suite.heads},
      {"preprocess", {{"mean", suite.preprocess.mean}, {"std", suite.preprocess.std}}}};
  for (const Task& task : {suite.tasks[0], suite.tasks[1]}) {
    json["tasks"].push_back({{"name", task.name}, {"expert", task.expert}, {"data", task.data}});
  }
  json["tasks"][1]["expert"] = folder / "bad.safetensors";
  return folder.write("broken.json", json.dump());
}

class MaskRun : public ::testing::Test {
 protected:
  MaskRun() { write(R"({"method": "consensus_ta", "alpha": [0.4, 0.8]}, "tall_mask")"); }

  // The first start, made once for all tests.
  const RunSummary& copy_of_first_run() {
    static const TemporaryFolder folder;
    static const RunSummary summary = run(folder / "r");
    fs::copy(folder / "r", results(), fs::copy_options::recursive);
    return summary;
  }

  void write(const std::string& methods, const fs::path& suite = kSuite) {
    file_ = folder_.write("masks.json", R"({"title": "Masks", "tasks": 2, "suite": ")" +
                                            suite.string() + R"(", "methods": [)" + methods + "]}");
  }

  Experiment experiment() const { return read_experiment(file_); }
  std::vector<std::string> task_set() const { return experiment().rows.at(0).task_set; }
  fs::path results() const { return folder_ / "r"; }

  RunSummary run() const { return run(results()); }
  RunSummary run(const fs::path& results) const {
    RunSettings settings;
    settings.results = results;
    settings.threads = 2;
    return run_experiment(experiment(), settings);
  }

  ProgramResult program(const std::string& command, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{command, file_.string(), "--quiet", "--results", results()};
    words.insert(words.end(), more.begin(), more.end());
    return run_isomerge(words);
  }

  // The run of one mask, spelled out.
  RunDefinition mask_run(const std::string& task, double lambda, const std::string& split) const {
    const Row row{"tall_mask", 1, task_set(), {}, 1};
    const Candidate mask{{{"lambda", lambda}, {"task", task}}, 1.0};
    return define_run(experiment(), row, mask, task, split, read_plan(results(), "masks"));
  }

  FoundRecord find_mask(const std::string& task, double lambda, const std::string& split) const {
    return ResultStore(results()).find(mask_run(task, lambda, split));
  }

  // By hand: the first of the lambdas that answer most of the task's validation examples.
  double best_lambda(const std::string& task) const {
    double best = 0.0;
    double correct = -1.0;
    for (const double lambda : {0.2, 0.3, 0.4, 0.5, 0.6}) {
      const double got = find_mask(task, lambda, "val").value().correct;
      if (got > correct) best = lambda;
      correct = std::max(correct, got);
    }
    return best;
  }

  std::map<std::string, std::string> records() const {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::directory_iterator(results() / "records")) {
      out[entry.path().filename().string()] = TemporaryFolder::read(entry.path());
    }
    return out;
  }

  TemporaryFolder folder_;
  fs::path file_;
};

// fine_tuned on 2 splits, 5 masks on val, 2 alphas on val and 1 on test, the chosen masks on test;
// two tasks.
constexpr int64_t kRecords = 2 * (2 + 5 + 2 + 1 + 1);

TEST_F(MaskRun, ChoosesTheFirstBestLambdaOfEachTaskOnItsValidationExamples) {
  EXPECT_EQ(copy_of_first_run().computed, kRecords);
  std::vector<std::string> lambdas;
  for (const std::string& task : task_set()) {
    const double best = best_lambda(task);
    lambdas.push_back(fmt::format("{}={}", task, best));
    for (const double lambda : lambda_grid()) {
      EXPECT_EQ(find_mask(task, lambda, "test").has_value(), lambda == best) << task << lambda;
    }
  }
  const auto status = experiment_status(experiment(), results()).rows;
  const std::string want = lambdas[0] + "," + lambdas[1];
  EXPECT_TRUE(status[0].is_complete && status[1].is_complete);
  expect_mentions(status[0].chosen, {"consensus_ta/lambda=0.4/lambdas=" + want + "/min_tasks=2"});
  EXPECT_EQ(status[1].chosen, "tall_mask/lambda=" + want + "/alpha=1");
  const ProgramResult report = program("report", {"--json"});
  expect_mentions(report.out, {status[0].chosen, status[1].chosen, "lambda chosen on validation"});
}

TEST_F(MaskRun, ASecondStartDoesNothing) {
  copy_of_first_run();
  const RunSummary second = run();
  EXPECT_EQ(second.computed, 0);
  EXPECT_EQ(second.reused, kRecords);
}

TEST_F(MaskRun, ARecordEqualsMergingThatMaskToAFileAndEvaluatingIt) {
  copy_of_first_run();
  const Experiment read = experiment();
  const Row& row = read.rows[0];
  for (const std::string& task : row.task_set) {
    const fs::path merged = folder_ / "merged.safetensors";
    std::vector<std::string> words{"merge",    "--quiet",     "--method", "tall_mask",
                                   "--alpha",  "1",           "--base",   read.suite.base,
                                   "--out",    merged,        "--option", "lambda=0.3",
                                   "--option", "task=" + task};
    for (const std::string& expert : row.task_set) {
      words.insert(words.end(),
                   {"--expert", expert + "=" + require_task(read.suite, expert).expert.string()});
    }
    const ProgramResult merge = run_isomerge(words);
    ASSERT_EQ(merge.exit_code, 0) << merge.err;
    const ProgramResult scores =
        run_isomerge({"evaluate", read.suite.path, "--weights", merged, "--json", "--quiet",
                      "--task", task, "--split", "val"});
    ASSERT_EQ(scores.exit_code, 0) << scores.err;
    EXPECT_EQ(nlohmann::json::parse(scores.out)["tasks"][0]["correct"],
              find_mask(task, 0.3, "val").value().correct)
        << task;
  }
}

TEST_F(MaskRun, AStartAfterHalfAFirstStageEndsWithTheSameRecords) {
  copy_of_first_run();
  const auto whole = records();
  // As if it had been killed at the last lambda: nothing of the second stage is there.
  const std::string last = task_set().back();
  const std::string missing = run_key(mask_run(last, 0.6, "val"));
  for (const auto& [name, text] : whole) {
    const RunDefinition definition = parse_record(text, name).run;
    const bool is_trial = definition.method == "tall_mask" && definition.split == "val";
    if (definition.method == "fine_tuned" || (is_trial && run_key(definition) != missing)) continue;
    fs::remove(results() / "records" / name);
  }

  const ProgramResult status = program("run", {"--status"});
  EXPECT_EQ(status.exit_code, 0) << status.err;
  expect_mentions(status.out, {"not complete, lambdas unknown: 9 of 10 masks evaluated"});
  const ProgramResult report = program("report");
  EXPECT_EQ(report.exit_code, 0) << report.err;
  expect_mentions(report.out, {"missing: 1 of 10 masks on validation"});

  const RunSummary second = run();
  EXPECT_EQ(second.computed, 1 + 2 * (2 + 1 + 1));
  EXPECT_EQ(records(), whole);
}

TEST_F(MaskRun, GivenLambdasAreTakenWithoutASearch) {
  write(R"({"method": "consensus_ta", "options": {"lambda": 0.3}},
           {"method": "tall_mask", "options": {"lambda": 0.3}})");
  EXPECT_EQ(run().computed, 2 * (2 + 1 + 1));
  for (const RowStatus& status : experiment_status(experiment(), results()).rows) {
    EXPECT_TRUE(status.is_complete) << status.row;
    EXPECT_EQ(status.masks, 0) << status.row;
  }
}

TEST_F(MaskRun, ARowWithoutAMaskThatWorksFailsAndTheOthersGoOn) {
  write(R"("consensus_ta", "zero_shot")", write_broken_suite(folder_));
  const RunSummary first = run();
  EXPECT_EQ(first.failed, 2 + 5 * 2) << "the broken expert on two splits, every mask of both tasks";
  EXPECT_EQ(first.computed, 2 + 2);
  expect_mentions(first.failures.back(), {"tall_mask/lambda=0.6/task=digits/alpha=1", "NaN"});
  const ProgramResult report = program("report");
  EXPECT_EQ(report.exit_code, 0) << report.err;
  expect_mentions(report.out, {"failed: all masks of fashion, digits on validation", "Zero-shot"});
  expect_mentions(program("run", {"--status"}).out, {"lambdas unknown: 0 of 10 masks evaluated"});
}

TEST_F(MaskRun, DryRunAnnouncesTheMasks) {
  const ProgramResult plan = run_isomerge({"run", file_.string(), "--dry-run"});
  EXPECT_EQ(plan.exit_code, 0) << plan.err;
  expect_mentions(plan.out, {"2 candidates, once 10 masks on val chose a lambda per task"});
}

}  // namespace
}  // namespace isomerge
