#include "experiment/runner.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "config/configuration.h"
#include "config/mask_rows.h"
#include "experiment/content_hashes.h"
#include "experiment/row_analysis.h"
#include "experiment/row_search.h"
#include "experiment/suite_evaluator.h"
#include "experiment/weight_source.h"

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
  Plan plan;
  plan.base = hashes.hash(suite.base);
  plan.module = hashes.hash(suite.module);
  if (suite.is_language()) plan.tokenizer = hashes.hash(suite.tokenizer);
  for (const std::string& name : tasks) {
    const Task& task = require_task(suite, name);
    plan.tasks[name] = {hashes.hash(task.expert), evaluator.head_hash(name),
                        hashes.hash(task.data)};
  }
  hashes.save();
  return plan;
}

// How the linear systems of a merge were solved, as an analysis of it.
struct SolverLog {};
std::string analysis_text(const SolverLog&) { return "linear systems of the merge, revision 1"; }
bool looks_at_features(const SolverLog&) { return false; }

std::unique_ptr<FactorCache> open_cache(const RunSettings& settings) {
  if (settings.cache.empty()) return nullptr;
  return std::make_unique<FactorCache>(settings.cache, settings.cache_size);
}

class Runner {
 public:
  Runner(const Experiment& experiment, const RunSettings& settings)
      : experiment_(experiment),
        settings_(settings),
        store_(settings.results),
        evaluator_(open_suite_evaluator(experiment.suite, tasks_of(experiment), settings.threads,
                                        settings.device,
                                        experiment.bf16_encoder ? at::kBFloat16 : at::kFloat)),
        cache_(open_cache(settings)),
        source_(experiment, settings.results / "statistics", settings.threads, settings.device,
                cache_.get()),
        records_(store_) {
    for (const std::string& task : tasks_of(experiment)) {
      evaluator_->split_size(task, experiment.select.split);  // say now what is missing
      evaluator_->split_size(task, experiment.report_split);
    }
    require_writable_folder(settings.results);
    plan_ = make_plan(experiment, tasks_of(experiment), *evaluator_, settings.results);
    write_plan(settings.results, experiment.stem, plan_);
  }

  RunSummary run() {
    uint64_t total = 1;
    for (const Row& row : experiment_.rows) {
      total += row.candidates.size() + 1 + (needs_lambdas(row) ? lambda_grid().size() : 0);
    }
    Progress progress("running " + experiment_.stem, total);
    const Row fine_tuned = fine_tuned_row(tasks_of(experiment_));
    for (const std::string& split : {experiment_.select.split, experiment_.report_split}) {
      run_candidate(fine_tuned, 0, split);
    }
    progress.add(1, "fine_tuned");
    warn_of_useless_experts(fine_tuned);
    for (const Row& row : experiment_.rows) {
      const std::optional<Row> complete = complete_row(row, &progress);
      if (complete) run_row(*complete, &progress);
    }
    summary_.reused += records_.stored_count();
    if (cache_) summary_.cache = cache_->counts();
    return summary_;
  }

 private:
  // Candidates are compared by accuracies over the experts' own: nothing can be chosen where one of
  // those is 0. Mostly a head of another dataset.
  void warn_of_useless_experts(const Row& fine_tuned) {
    const std::string& split = experiment_.select.split;
    const RowSearch search(experiment_, fine_tuned, plan_, records_);
    for (const std::string& task : fine_tuned.task_set) {
      const FoundRecord& record = records_.find(search.run(0, task, split));
      if (!record || record->status != RunStatus::kDone || record->correct > 0.0) continue;
      log_warning(
          fmt::format("fine_tuned gets none of the {} examples of {}, split {}, right: no "
                      "candidate that merges it can be chosen. {}",
                      record->total, task, split,
                      experiment_.suite.is_language() ? "Is it the right tokenizer?"
                                                      : "Is it the right head?"));
    }
  }

  // The row with its lambdas, after the trials that choose them. Nothing if all trials of a task
  // failed: there is nothing to run then.
  std::optional<Row> complete_row(const Row& row, Progress* progress) {
    if (!needs_lambdas(row)) return row;
    const Row trials = mask_trials(row);
    for (size_t i = 0; i < trials.candidates.size(); ++i) {
      run_candidate(trials, i, experiment_.select.split);
      progress->add(1, row_text(trials, trials.candidates[i]));
    }
    const LambdaSearch search = find_lambdas(experiment_, row, plan_, records_);
    if (search.hopeless.empty()) return with_lambdas(row, search.lambdas);
    progress->add(row.candidates.size() + 1, row_text(row, row.candidates.front()));
    return {};
  }

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
    if (choice.index) {
      run_candidate(row, *choice.index, experiment_.report_split);
      if (row.method == "mats") keep_solver_log(row, row.candidates[*choice.index]);
      for (const AnalysisEntry& entry : experiment_.analyses) {
        if (analyses_row(entry, row)) analyse(entry, row, row.candidates[*choice.index]);
      }
    }
    // What was stored, and what patience made needless, is behind us too.
    progress->add(row.candidates.size() + 1 - std::min(visited, row.candidates.size()),
                  row_text(row, row.candidates[choice.index.value_or(0)]));
  }

  // One candidate on those tasks of its row that are not stored.
  void run_candidate(const Row& row, size_t index, const std::string& split) {
    const RowSearch search(experiment_, row, plan_, records_);
    const Candidate& candidate = row.candidates[index];
    const bool one_for_all = row.method != "fine_tuned" && candidate.by_task.empty();
    bool is_bound = false;
    for (const std::string& task : row.task_set) {
      const RunDefinition run = search.run(index, task, split);
      if (records_.find(run)) continue;
      const std::string label = row_text(row, {candidate.options_on(task), candidate.alpha});
      const auto start = std::chrono::steady_clock::now();
      try {
        if (!is_bound) {
          evaluator_->bind(source_.weights(row, candidate, task), label);
          is_bound = one_for_all;
        }
        records_.put(done_record(run, evaluator_->evaluate(task, split).outcomes));
        ++summary_.computed;
      } catch (const Error& error) {
        if (ends_everything(error)) throw;
        const std::string message = fmt::format("{}: {}: {}", label, task, error.what());
        records_.put(failed_record(run, message));
        add_failure(message);
      }
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      store_.log(run_key(run), elapsed.count(), settings_.program_version);
    }
  }

  // Per matrix whether conjugate gradients converged, after how many steps, and how far they came.
  void keep_solver_log(const Row& row, const Candidate& candidate) {
    AnalysisRecord record;
    record.run = define_analysis(experiment_, row, candidate, SolverLog{}, plan_);
    if (store_.find_analysis(record.run)) return;
    try {
      source_.merged_update(row, candidate);
    } catch (const Error& error) {
      if (ends_everything(error)) throw;
      return;  // its evaluations have failed for the same reason, and said so
    }
    record.columns = {"tensor", "converged", "steps", "first_residual", "last_residual"};
    for (const auto& [name, findings] : source_.findings()) {
      const SolverFindings& solver = findings.solver;
      if (!solver.was_used) continue;
      record.lines.push_back({name, solver.converged ? "yes" : "no",
                              std::to_string(solver.iterations), number_text(solver.first_residual),
                              number_text(solver.last_residual)});
    }
    store_.put(record);
  }

  // What the entry asks of the candidate's merged update, unless it is stored. What fails is tried
  // again at the next start.
  void analyse(const AnalysisEntry& entry, const Row& row, const Candidate& candidate) {
    AnalysisRecord record;
    record.run = define_analysis(experiment_, row, candidate, entry, plan_);
    if (store_.find_analysis(record.run)) {
      ++summary_.reused;
      return;
    }
    const auto start = std::chrono::steady_clock::now();
    AnalysisTable table;
    try {
      table = analysis_table(entry, row, candidate);
    } catch (const Error& error) {
      if (ends_everything(error)) throw;
      add_failure(
          fmt::format("analysis {}: {}: {}", entry.name, row_text(row, candidate), error.what()));
      return;
    }
    record.columns = std::move(table.columns);
    record.lines = std::move(table.lines);
    store_.put(record);
    ++summary_.computed;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    store_.log(run_key(record.run), elapsed.count(), settings_.program_version);
  }

  AnalysisTable analysis_table(const AnalysisEntry& entry, const Row& row,
                               const Candidate& candidate) {
    if (looks_at_features(entry)) {
      evaluator_->bind(source_.weights(row, candidate, ""), row_text(row, candidate));
      return interference_table(*evaluator_, row.task_set, experiment_.report_split);
    }
    const Updates updates(experiment_.suite.base, row_experts(experiment_.suite, row));
    const MergedUpdate merged(source_.merged_update(row, candidate), updates.base());
    return analyse_row(entry, updates, merged, settings_.threads);
  }

  static bool ends_everything(const Error& error) {
    return error.fault() == Fault::kMachine || error.fault() == Fault::kInterrupted;
  }

  void add_failure(const std::string& message) {
    ++summary_.failed;
    summary_.failures.push_back(message);
    log_warning(message);
  }

  const Experiment& experiment_;
  const RunSettings& settings_;
  const ResultStore store_;
  std::unique_ptr<SuiteEvaluator> evaluator_;
  const std::unique_ptr<FactorCache> cache_;  // or null
  WeightSource source_;
  Plan plan_;
  KnownRecords records_;
  RunSummary summary_;
};

// The row with its lambdas, if the records tell them.
std::optional<Row> find_complete_row(const Experiment& experiment, const Row& row, const Plan& plan,
                                     KnownRecords& records, RowStatus* status) {
  if (!needs_lambdas(row)) return row;
  const LambdaSearch search = find_lambdas(experiment, row, plan, records);
  status->masks = search.trials;
  status->masks_evaluated = search.trials - search.missing;
  if (search.lambdas.size() < row.task_set.size()) return {};
  return with_lambdas(row, search.lambdas);
}

void add_candidates(const Experiment& experiment, const Row& row, const Plan& plan,
                    KnownRecords& records, RowStatus* status) {
  const RowSearch search(experiment, row, plan, records);
  for (size_t i = 0; i < row.candidates.size(); ++i) {
    status->evaluated += search.is_done(i, experiment.select.split) ? 1 : 0;
  }
  const Choice choice = search.choose();
  if (!choice.index || !choice.missing.empty()) return;
  const Candidate& chosen = row.candidates[*choice.index];
  status->chosen = configuration_text({row.method, shown_options(row, chosen), chosen.alpha});
  status->is_complete = search.is_done(*choice.index, experiment.report_split);
}

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
    RowStatus status;
    status.row = row_text(row, {row.candidates.front().options, {}});
    status.candidates = static_cast<int64_t>(row.candidates.size());
    const std::optional<Row> complete = find_complete_row(experiment, row, plan, records, &status);
    if (complete) add_candidates(experiment, *complete, plan, records, &status);
    rows.push_back(status);
  }
  return rows;
}

}  // namespace isomerge
