// The whole way on the shipped mini suite: real encoder, real experts, real images.
#include "experiment/runner.h"

#include <limits>
#include <map>

#include <ATen/ops/full.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "config/experiment.h"
#include "experiment/experiment_status.h"
#include "experiment/run_estimate.h"
#include "experiment/two_tasks.h"
#include "store/plan.h"
#include "store/result_store.h"
#include "support/expect_error.h"
#include "support/program.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

bool is_search(const AnalysisRecord& record) {
  return record.run.evaluation.rfind("search on ", 0) == 0;
}

class RunnerTest : public TwoTasks {
 protected:
  RunSummary run(const std::string& results, int threads = 2) {
    RunSettings settings;
    settings.results = folder_ / results;
    settings.threads = threads;
    return run_experiment(read_experiment(file_), settings);
  }
};

// fine_tuned 2 splits, zero_shot and average test, 3 alphas val + 1 test for two methods; two
// tasks.
constexpr int64_t kRecords = 2 * (2 + 1 + 1 + 2 * (3 + 1));

TEST_F(RunnerTest, AnalysesTheChosenCandidateOfEachMergedRowOnce) {
  std::string text = TemporaryFolder::read(file_);
  text.replace(text.rfind('}'), 1, R"(, "analyses": [{"analysis": "sar"}]})");
  folder_.write("two.json", text);
  EXPECT_EQ(run("r").computed, kRecords + 3) << "average, the sum, Iso-C";
  size_t analyses = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "r/analyses")) {
    const AnalysisRecord record =
        parse_analysis_record(TemporaryFolder::read(entry.path()), entry.path());
    if (is_search(record)) continue;
    EXPECT_EQ(record.lines.size(), 2u) << "a line per task";
    EXPECT_FALSE(record.run.alpha.has_value());
    ++analyses;
  }
  EXPECT_EQ(analyses, 3u);
  const RunSummary second = run("r");
  EXPECT_EQ(second.computed, 0);
  EXPECT_EQ(second.reused, kRecords + 3);
}

// What the accuracies say of a merged model, its distance from the experts says too: the sum with
// alpha 1, far too long, is chosen by nobody.
TEST_F(RunnerTest, InterferenceIsThatOfTheChosenAlphaOnTheReportsSplit) {
  std::string text = TemporaryFolder::read(file_);
  text.replace(text.rfind('}'), 1, R"(, "analyses": [{"analysis": "interference"}]})");
  folder_.write("two.json", text);
  EXPECT_EQ(run("r").computed, kRecords + 3);
  std::map<std::string, double> alphas;
  for (const auto& entry : fs::directory_iterator(folder_ / "r/analyses")) {
    const AnalysisRecord record =
        parse_analysis_record(TemporaryFolder::read(entry.path()), entry.path());
    if (is_search(record)) continue;
    EXPECT_EQ(record.run.split, "test");
    EXPECT_EQ(record.run.hashes.count("data/digits"), 1u);
    EXPECT_EQ(record.run.hashes.count("encoder"), 1u);
    alphas[record.run.method] = record.run.alpha.value_or(0.0);
    ASSERT_EQ(record.lines.size(), 2u);
    EXPECT_EQ(record.lines[0][0], "fashion");
    for (const auto& line : record.lines) {
      EXPECT_GT(parse_number(line[1]).value(), 0.05);
      EXPECT_LT(parse_number(line[1]).value(), 0.6) << "nearer than the base is";
    }
  }
  ASSERT_EQ(alphas.size(), 3u);
  EXPECT_NE(alphas.at("task_arithmetic"), 0.0);
  EXPECT_NE(alphas.at("iso_c"), 0.0);
  EXPECT_EQ(run("r").computed, 0);
}

// The encoder's precision is part of what a record is: neither takes the other's.
TEST_F(RunnerTest, RecordsOfABf16EncoderStandBesideThoseInFp32) {
  std::string text = TemporaryFolder::read(file_);
  text.replace(text.find("\"zero_shot"), text.find("],\n    \"select") - text.find("\"zero_shot"),
               "\"average\"");
  folder_.write("two.json", text);
  EXPECT_EQ(run("r").computed, 6) << "two tasks: the experts on both splits, the mean on one";
  const auto in_fp32 = records("r");
  text.replace(text.rfind('}'), 1, R"(, "evaluation": {"precision": "bf16"}})");
  folder_.write("two.json", text);
  const RunSummary in_bf16 = run("r");
  EXPECT_EQ(in_bf16.computed, 6);
  EXPECT_EQ(in_bf16.reused, 0);
  bool differs = false;
  for (const auto& [name, bytes] : records("r")) {
    if (in_fp32.contains(name)) continue;
    const Record record = parse_record(bytes, name);
    EXPECT_EQ(record.run.evaluation, std::string(kEvaluation) + ", encoder in bf16");
    RunDefinition same = record.run;
    same.evaluation = kEvaluation;
    const Record other = parse_record(in_fp32.at(run_key(same) + ".json"), name);
    EXPECT_NEAR(record.score, other.score, 0.01);
    differs = differs || record.outcomes != other.outcomes;
  }
  EXPECT_TRUE(differs) << "all of them were computed in fp32";
}

// The estimate counts what a run then computes.
TEST_F(RunnerTest, TheEstimateCountsTheEvaluationsThatARunDoes) {
  const Experiment experiment = read_experiment(file_);
  RunSettings settings;
  settings.results = folder_ / "r";
  settings.threads = 2;
  const RunEstimate estimate = estimate_run(experiment, settings);
  EXPECT_EQ(estimate.total().evaluations, kRecords);
  EXPECT_EQ(estimate.experts.evaluations, 4);
  EXPECT_EQ(estimate.total().merges, 3) << "alphas share a merge";
  ASSERT_EQ(estimate.rows.size(), 5u);
  EXPECT_EQ(estimate.rows[1].evaluations, 0) << "the experts were counted before";
  EXPECT_EQ(estimate.rows[4].evaluations, 2 * (3 + 1));
  EXPECT_EQ(estimate.rows[4].examples, 3 * 2 * 300 + 2 * 1000);
  EXPECT_GT(estimate.rows[4].merge_seconds, 0.0);
  EXPECT_GT(estimate.rows[4].encode_seconds, estimate.rows[2].encode_seconds);
  EXPECT_GT(estimate.memory, 50u << 20);
  EXPECT_FALSE(fs::exists(settings.results)) << "nothing is computed or written";
}

TEST_F(RunnerTest, AnAnalysisThatFailsIsReportedAndTheRestGoesOn) {
  std::string text = TemporaryFolder::read(file_);
  text.replace(text.rfind('}'), 1,
               R"(, "analyses": [{"analysis": "sar", "include": ["nothing*"]},
                                {"analysis": "cosine"}]})");
  folder_.write("two.json", text);
  const RunSummary summary = run("r");
  EXPECT_EQ(summary.computed, kRecords + 3) << "the cosines";
  EXPECT_EQ(summary.failed, 3);
  ASSERT_EQ(summary.failures.size(), 3u);
  expect_mentions(summary.failures[0], {"analysis sar: average", "nothing*"});
}

TEST_F(RunnerTest, ASecondRunDoesNothing) {
  const RunSummary first = run("r");
  EXPECT_EQ(first.computed, kRecords);
  EXPECT_EQ(first.failed, 0);
  const auto before = records("r");
  EXPECT_EQ(before.size(), static_cast<size_t>(kRecords));
  const RunSummary second = run("r");
  EXPECT_EQ(second.computed, 0);
  EXPECT_EQ(second.reused, kRecords);
  EXPECT_EQ(records("r"), before);
}

TEST_F(RunnerTest, RecordsAreTheSameBytesWithAnyNumberOfThreads) {
  run("one", 1);
  run("three", 3);
  EXPECT_EQ(records("one"), records("three"));
}

TEST_F(RunnerTest, AFailedRunIsStoredAndTheOthersGoOn) {
  const Suite suite = read_suite(kSource / "experiments/suites/mini_vision.json");
  Weights bad = Checkpoint(suite.tasks[1].expert).read_all();
  bad["visual.proj"][0][0] = std::numeric_limits<float>::quiet_NaN();
  write_safetensors(folder_ / "bad.safetensors", bad);
  std::string text = TemporaryFolder::read(suite.path);
  const auto absolute = [&](const std::string& part) {
    for (size_t at; (at = text.find("../../" + part)) != std::string::npos;) {
      text.replace(at, 6 + part.size(), (kSource / part).string());
    }
  };
  absolute("models/");
  absolute("data/");
  const std::string old = suite.tasks[1].expert.string();
  const std::string shown = fs::weakly_canonical(old).string();
  ASSERT_NE(text.find(shown), std::string::npos);
  text.replace(text.find(shown), shown.size(), (folder_ / "bad.safetensors").string());
  folder_.write("suite.json", text);
  file_ = folder_.write("two.json", experiment_text("suite.json"));

  const ProgramResult result =
      run_isomerge({"run", file_.string(), "--quiet", "--results", (folder_ / "r").string()});
  EXPECT_EQ(result.exit_code, 1);
  expect_mentions(result.err, {"visual.proj", "1 of", "NaN"});
  const ProgramResult report =
      run_isomerge({"report", file_.string(), "--results", (folder_ / "r").string()});
  EXPECT_EQ(report.exit_code, 0) << report.err;
  expect_mentions(report.out, {"Zero-shot", "failed"});
  const RunSummary again = run("r");
  EXPECT_GT(again.failed, 0) << "tried again";
}

TEST_F(RunnerTest, ChoosesTheFirstHighestMeanNormalisedValidationAccuracy) {
  run("r");
  const Experiment experiment = read_experiment(file_);
  const ResultStore store(folder_ / "r");
  const Plan plan = read_plan(folder_ / "r", experiment.stem);
  const Row reference = fine_tuned_row(experiment.rows[0].task_set);
  for (const RowStatus& status : experiment_status(experiment, folder_ / "r").rows) {
    EXPECT_TRUE(status.is_complete) << status.row;
  }
  for (const Row& row : experiment.rows) {
    if (row.candidates.size() == 1) continue;
    double best = -1.0;
    size_t chosen = 0;
    for (size_t i = 0; i < row.candidates.size(); ++i) {
      double sum = 0.0;
      for (const std::string& task : row.task_set) {
        const auto merged =
            store.find(define_run(experiment, row, row.candidates[i], task, "val", plan));
        const auto single = store.find(
            define_run(experiment, reference, reference.candidates[0], task, "val", plan));
        sum += merged.value().score / single.value().score;
      }
      if (sum > best) {
        best = sum;
        chosen = i;
      }
    }
    for (size_t i = 0; i < row.candidates.size(); ++i) {
      const bool tested =
          store.find(define_run(experiment, row, row.candidates[i], row.task_set[0], "test", plan))
              .has_value();
      EXPECT_EQ(tested, i == chosen) << row.method << " candidate " << i;
    }
  }
}

// The base has the same runs whatever tasks a row counts: one row's are not all of the other's.
TEST_F(RunnerTest, RowsOfOneModelOnMoreTasksAreRunOnAllOfThem) {
  std::string text = TemporaryFolder::read(file_);
  text = text.substr(0, text.find("\"methods\"")) +
         R"("methods": [{"method": "zero_shot", "tasks": [1, 2]}]})";
  folder_.write("two.json", text);
  EXPECT_EQ(run("r").failed, 0);
  const Experiment experiment = read_experiment(file_);
  const Plan plan = read_plan(folder_ / "r", experiment.stem);
  const ResultStore store(folder_ / "r");
  ASSERT_EQ(experiment.rows.size(), 2u);
  for (const Row& row : experiment.rows) {
    for (const std::string& task : row.task_set) {
      const RunDefinition tested =
          define_run(experiment, row, row.candidates.at(0), task, "test", plan);
      EXPECT_TRUE(store.find(tested).has_value()) << row.task_set.size() << " tasks: " << task;
    }
  }
}

// The mean of two experts is right for neither: each task alone wants more of its own.
TEST_F(RunnerTest, ChoosesOnTheTasksThatCountAlone) {
  std::map<std::string, double> shares;
  for (const std::string task : {"fashion", "digits"}) {
    std::string text = TemporaryFolder::read(file_);
    text = text.substr(0, text.find("\"methods\"")) +
           R"("methods": [{"method": "average", "options": {"first_share": [0.0, 0.5, 1.0]}}],
              "select": {"axes": ["first_share"], "tasks": [")" +
           task + "\"]}}";
    folder_.write("two.json", text);
    EXPECT_EQ(run("r").failed, 0);
    const Experiment experiment = read_experiment(file_);
    const Plan plan = read_plan(folder_ / "r", experiment.stem);
    const ResultStore store(folder_ / "r");
    const Row& row = experiment.rows.at(0);
    for (const Candidate& candidate : row.candidates) {
      const RunDefinition tested = define_run(experiment, row, candidate, task, "test", plan);
      if (shares.contains(task) || !store.find(tested)) continue;
      shares[task] = std::get<double>(candidate.options.at("first_share"));
    }
    fs::remove_all(folder_ / "r");
  }
  EXPECT_EQ(shares.at("fashion"), 1.0);
  EXPECT_EQ(shares.at("digits"), 0.0);
}

TEST_F(RunnerTest, ARecordEqualsMergingToAFileAndEvaluatingThat) {
  run("r");
  const Experiment experiment = read_experiment(file_);
  const Row& row = experiment.rows.at(2);
  ASSERT_EQ(row.method, "average");
  std::vector<std::string> words{"merge",
                                 "--method",
                                 "average",
                                 "--dtype",
                                 "fp32",
                                 "--base",
                                 experiment.suite.base.string(),
                                 "--quiet",
                                 "--out",
                                 (folder_ / "merged.safetensors").string()};
  for (const std::string& task : row.task_set) {
    words.push_back("--expert");
    words.push_back(task + "=" + require_task(experiment.suite, task).expert.string());
  }
  ASSERT_EQ(run_isomerge(words).exit_code, 0);
  const auto scores = nlohmann::json::parse(
      run_isomerge({"evaluate", experiment.suite.path.string(), "--weights",
                    (folder_ / "merged.safetensors").string(), "--json", "--quiet", "--task",
                    row.task_set[0], "--task", row.task_set[1]})
          .out);
  const Plan plan = read_plan(folder_ / "r", experiment.stem);
  for (size_t t = 0; t < 2; ++t) {
    const auto record =
        ResultStore(folder_ / "r")
            .find(define_run(experiment, row, row.candidates[0], row.task_set[t], "test", plan));
    EXPECT_EQ(scores["tasks"][t]["correct"], record.value().correct);
    EXPECT_EQ(scores["tasks"][t]["total"], record.value().total);
  }
}

TEST_F(RunnerTest, StatusAndDryRunTellWithoutRunning) {
  const ProgramResult plan = run_isomerge({"run", file_.string(), "--dry-run"});
  EXPECT_EQ(plan.exit_code, 0) << plan.err;
  expect_mentions(plan.out, {"task_arithmetic", "3 candidates", "5 rows", "at most 3 merges (",
                             "24 evaluations (", " of memory on "});
  const ProgramResult json = run_isomerge({"run", file_.string(), "--dry-run", "--json"});
  EXPECT_EQ(nlohmann::json::parse(json.out)["total"]["evaluations"], kRecords) << json.err;
  const std::string results = (folder_ / "r").string();
  EXPECT_EQ(run_isomerge({"run", file_.string(), "--status", "--results", results}).exit_code, 2)
      << "no plan yet";
  run("r");
  const ProgramResult status =
      run_isomerge({"run", file_.string(), "--status", "--results", results});
  expect_mentions(status.out, {"complete, chose iso_c"});
}

TEST_F(RunnerTest, MistakesInTheFileAreNamedWithTheirLine) {
  std::string text = TemporaryFolder::read(file_);
  text.replace(text.find("\"patience\""), 10, "\"patiense\"");
  file_ = folder_.write("two.json", text);
  const ProgramResult result = run_isomerge({"run", file_.string()});
  EXPECT_EQ(result.exit_code, 2);
  expect_mentions(result.err, {"two.json", "line 5", "patiense", "patience"});
}

}  // namespace
}  // namespace isomerge
