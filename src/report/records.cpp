#include "report/records.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "config/mask_rows.h"
#include "config/method_info.h"
#include "config/refinement.h"

namespace isomerge {

std::optional<std::string> ExperimentRecords::key(const Row& row, const Candidate& candidate,
                                                  const std::string& task,
                                                  const std::string& split) const {
  const auto known = [&](const std::string& name) { return plan_.tasks.count(name) != 0; };
  const bool needs_all = require_method_info(row.method).merges;
  if (!known(task) ||
      (needs_all && !std::all_of(row.task_set.begin(), row.task_set.end(), known))) {
    return {};
  }
  return run_key(define_run(experiment_, row, candidate, task, split, plan_));
}

const FoundRecord& ExperimentRecords::find(const Row& row, const Candidate& candidate,
                                           const std::string& task, const std::string& split) {
  static const FoundRecord none;
  const std::optional<std::string> name = key(row, candidate, task, split);
  if (!name) return none;
  const auto found = records_.find(*name);
  if (found != records_.end()) return found->second;
  return records_.emplace(*name, store_.find(*name)).first->second;
}

std::vector<FoundRecord> ExperimentRecords::find_all(const Row& row, const Candidate& candidate,
                                                     const std::string& split) {
  std::vector<FoundRecord> all;
  for (const std::string& task : row.task_set) all.push_back(find(row, candidate, task, split));
  return all;
}

std::optional<AnalysisRecord> ExperimentRecords::find_analysis(const AnalysisEntry& entry,
                                                               const Row& row,
                                                               const Candidate& candidate) const {
  return store_.find_analysis(define_analysis(experiment_, row, candidate, entry, plan_));
}

const Record& ExperimentRecords::at(const std::string& key) const {
  const auto found = records_.find(key);
  if (found == records_.end() || !found->second) {
    throw Error(Fault::kInternal, fmt::format("no record {} was read", key));
  }
  return *found->second;
}

std::vector<CandidateScore> ExperimentRecords::scores(const Row& row) {
  const Row reference = fine_tuned_row(row.task_set);
  const std::string& split = experiment_.select.split;
  const auto fine_tuned = find_all(reference, reference.candidates.front(), split);
  const std::vector<bool> counted = experiment_.select.counted(row.task_set);
  const auto given = given_references(experiment_.suite, row.task_set);
  std::vector<CandidateScore> scores;
  for (const Candidate& candidate : row.candidates) {
    scores.push_back(candidate_score(find_all(row, candidate, split), fine_tuned, given, counted));
  }
  return scores;
}

std::optional<Accuracy> ExperimentRecords::reference(const std::string& task,
                                                     const std::string& split) {
  const Row row = fine_tuned_row({task});
  return reference_accuracy(find(row, row.candidates.front(), task, split),
                            require_task(experiment_.suite, task).normalise_by);
}

Choice ExperimentRecords::choose(const Row& row) {
  if (row.candidates.size() == 1) {
    Choice only;
    only.index = 0;
    return only;
  }
  return choose_candidate(scores(row), row.line_length, experiment_.select.patience, row.refined);
}

Row ExperimentRecords::refined(const Row& row) {
  return refined_row(row, experiment_.select, [&](const Row& so_far) -> std::optional<size_t> {
    const Choice choice = choose(so_far);
    return choice.missing.empty() ? choice.index : std::nullopt;
  });
}

LambdaSearch ExperimentRecords::find_lambdas(const Row& row) {
  const Row trials = mask_trials(row);
  return search_lambdas(row.task_set, lambda_grid(), [&](size_t index, const std::string& task) {
    return find(trials, trials.candidates[index], task, experiment_.select.split);
  });
}

}  // namespace isomerge
