#include "experiment/runner.h"

#include <algorithm>
#include <chrono>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "config/configuration.h"
#include "experiment/content_hashes.h"
#include "experiment/row_search.h"
#include "experiment/suite_evaluator.h"
#include "merge/merge_files.h"
#include "merge/method.h"

namespace isomerge {
namespace {

// Every task that some row of the experiment evaluates, in suite order.
std::vector<std::string> tasks_of(const Experiment& experiment) {
  std::set<std::string> wanted;
  for (const Row& row : experiment.rows) wanted.insert(row.task_set.begin(), row.task_set.end());
  std::vector<std::string> ordered;
  for (const std::string& task : task_names(experiment.suite)) {
    if (wanted.contains(task)) ordered.push_back(task);
  }
  return ordered;
}

std::string row_text(const Row& row, const Candidate& candidate) {
  return fmt::format("{}, {} task{}",
                     configuration_text({row.method, candidate.options, candidate.alpha}),
                     row.task_set.size(), row.task_set.size() == 1 ? "" : "s");
}

Plan make_plan(const Experiment& experiment, const std::vector<std::string>& tasks,
               const SuiteEvaluator& evaluator, const std::filesystem::path& results) {
  ContentHashes hashes(results / "hashes.txt");
  const Suite& suite = experiment.suite;
  Plan plan{hashes.hash(suite.base), hashes.hash(suite.encoder), {}};
  for (const std::string& name : tasks) {
    const Task& task = require_task(suite, name);
    plan.tasks[name] = {hashes.hash(task.expert), evaluator.head_hash(name),
                        hashes.hash(task.data)};
  }
  hashes.save();
  return plan;
}

// base + alpha * merged update, for one method at a time: a grid over alpha merges once.
class WeightSource {
 public:
  WeightSource(const Experiment& experiment, const RunSettings& settings)
      : experiment_(experiment), settings_(settings) {}

  Weights weights(const Row& row, const Candidate& candidate, const std::string& task) {
    const Suite& suite = experiment_.suite;
    if (row.method == "zero_shot") return Checkpoint(suite.base).read_all();
    if (row.method == "fine_tuned") return Checkpoint(require_task(suite, task).expert).read_all();
    merge(row, candidate);
    Weights weights;
    for (const MergedTensor& tensor : merged_) {
      weights[tensor.info.name] = tensor.update.defined()
                                      ? tensor.base.add(tensor.update, candidate.alpha.value())
                                      : tensor.base;
    }
    return weights;
  }

 private:
  void merge(const Row& row, const Candidate& candidate) {
    const std::string wanted =
        configuration_text({row.method, candidate.options, {}}) + "," + join(row.task_set, ",");
    if (wanted == merged_for_) return;
    merged_for_.clear();
    merged_.clear();
    std::vector<Expert> experts;
    for (const std::string& task : row.task_set) {
      experts.push_back({task, require_task(experiment_.suite, task).expert});
    }
    MergeSettings settings;
    settings.roles = {experiment_.exclude, experiment_.average};
    settings.dtype = compute_dtype(experiment_.precision);
    settings.threads = settings_.threads;
    settings.device = settings_.device;
    merge_tensors(Updates(experiment_.suite.base, experts),
                  require_method(row.method).rules(candidate.options), settings,
                  [&](MergedTensor tensor) { merged_.push_back(std::move(tensor)); });
    merged_for_ = wanted;
  }

  const Experiment& experiment_;
  const RunSettings& settings_;
  std::string merged_for_;
  std::vector<MergedTensor> merged_;
};

class Runner {
 public:
  Runner(const Experiment& experiment, const RunSettings& settings)
      : experiment_(experiment),
        settings_(settings),
        store_(settings.results),
        evaluator_(experiment.suite, tasks_of(experiment), settings.threads, settings.device),
        source_(experiment, settings),
        records_(store_) {
    for (const std::string& task : tasks_of(experiment)) {
      evaluator_.split_size(task, experiment.select.split);  // say now what is missing
      evaluator_.split_size(task, experiment.report_split);
    }
    require_writable_folder(settings.results);
    plan_ = make_plan(experiment, tasks_of(experiment), evaluator_, settings.results);
    write_plan(settings.results, experiment.stem, plan_);
  }

  RunSummary run() {
    uint64_t total = 1;
    for (const Row& row : experiment_.rows) total += row.candidates.size() + 1;
    Progress progress("running " + experiment_.stem, total);
    const Row fine_tuned = fine_tuned_row(tasks_of(experiment_));
    for (const std::string& split : {experiment_.select.split, experiment_.report_split}) {
      run_candidate(fine_tuned, 0, split);
    }
    progress.add(1, "fine_tuned");
    for (const Row& row : experiment_.rows) run_row(row, &progress);
    summary_.reused = records_.stored_count();
    return summary_;
  }

 private:
  void run_row(const Row& row, Progress* progress) {
    const RowSearch search(experiment_, row, plan_, records_);
    Choice choice = search.choose();
    size_t visited = 0;
    for (; !choice.missing.empty(); choice = search.choose()) {
      for (const size_t index : choice.missing) {
        run_candidate(row, index, experiment_.select.split);
        progress->add(1, row_text(row, row.candidates[index]));
        ++visited;
      }
    }
    if (choice.index) run_candidate(row, *choice.index, experiment_.report_split);
    // What was stored, and what patience made needless, is behind us too.
    progress->add(row.candidates.size() + 1 - std::min(visited, row.candidates.size()),
                  row_text(row, row.candidates[choice.index.value_or(0)]));
  }

  // One candidate on those tasks of its row that are not stored.
  void run_candidate(const Row& row, size_t index, const std::string& split) {
    const RowSearch search(experiment_, row, plan_, records_);
    bool is_bound = false;
    for (const std::string& task : row.task_set) {
      const RunDefinition run = search.run(index, task, split);
      if (records_.find(run)) continue;
      const auto start = std::chrono::steady_clock::now();
      try {
        if (!is_bound || row.method == "fine_tuned") {
          const Candidate& candidate = row.candidates[index];
          evaluator_.bind(source_.weights(row, candidate, task), row_text(row, candidate));
          is_bound = true;
        }
        records_.put(done_record(run, evaluator_.evaluate(task, split).correct));
        ++summary_.computed;
      } catch (const Error& error) {
        if (error.fault() == Fault::kMachine || error.fault() == Fault::kInterrupted) throw;
        note_failure(run, fmt::format("{}: {}: {}", row_text(row, row.candidates[index]), task,
                                      error.what()));
      }
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      store_.log(run_key(run), elapsed.count(), settings_.program_version);
    }
  }

  void note_failure(const RunDefinition& run, const std::string& message) {
    records_.put(failed_record(run, message));
    ++summary_.failed;
    summary_.failures.push_back(message);
    log_warning(message);
  }

  const Experiment& experiment_;
  const RunSettings& settings_;
  const ResultStore store_;
  SuiteEvaluator evaluator_;
  WeightSource source_;
  Plan plan_;
  KnownRecords records_;
  RunSummary summary_;
};

}  // namespace

RunSummary run_experiment(const Experiment& experiment, const RunSettings& settings) {
  return Runner(experiment, settings).run();
}

std::vector<RowStatus> experiment_status(const Experiment& experiment,
                                         const std::filesystem::path& results) {
  const ResultStore store(results);
  const Plan plan = read_plan(results, experiment.stem);
  KnownRecords records(store);
  std::vector<RowStatus> rows;
  for (const Row& row : experiment.rows) {
    const RowSearch search(experiment, row, plan, records);
    RowStatus status;
    status.row = row_text(row, {row.candidates.front().options, {}});
    status.candidates = static_cast<int64_t>(row.candidates.size());
    for (size_t i = 0; i < row.candidates.size(); ++i) {
      status.evaluated += search.is_done(i, experiment.select.split) ? 1 : 0;
    }
    const Choice choice = search.choose();
    if (choice.index && choice.missing.empty()) {
      const Candidate& chosen = row.candidates[*choice.index];
      status.chosen = configuration_text({row.method, chosen.options, chosen.alpha});
      status.is_complete = search.is_done(*choice.index, experiment.report_split);
    }
    rows.push_back(status);
  }
  return rows;
}

}  // namespace isomerge
