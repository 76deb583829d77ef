#include "experiment/row_search.h"

#include <algorithm>

#include "config/mask_rows.h"
#include "config/refinement.h"

namespace isomerge {

KnownRecords::KnownRecords(const ResultStore& store)
    : store_(store), present_(store.keys()), at_start_(present_) {}

const FoundRecord& KnownRecords::find(const RunDefinition& run) {
  static const FoundRecord none;
  const std::string key = run_key(run);
  const auto known = records_.find(key);
  if (known != records_.end()) return known->second;
  if (!present_.contains(key)) return none;
  FoundRecord record = store_.find(key);
  if (!record) return none;
  if (record->status == RunStatus::kFailed && at_start_.contains(key)) {
    record.reset();
  } else {
    stored_.insert(key);
  }
  return records_.emplace(key, std::move(record)).first->second;
}

void KnownRecords::put(const Record& record) {
  store_.put(record);
  records_[run_key(record.run)] = record;
}

void KnownRecords::refresh() { present_ = store_.keys(); }

LambdaSearch find_lambdas(const Experiment& experiment, const Row& row, const Plan& plan,
                          KnownRecords& records) {
  const RowSearch search(experiment, mask_trials(row), plan, records);
  return search_lambdas(row.task_set, lambda_grid(), [&](size_t index, const std::string& task) {
    return records.find(search.run(index, task, experiment.select.split));
  });
}

std::vector<std::string> RowSearch::missing_tasks(size_t index, const std::string& split) const {
  std::vector<std::string> missing;
  for (const std::string& task : row_.task_set) {
    if (!records_.find(run(index, task, split))) missing.push_back(task);
  }
  return missing;
}

bool RowSearch::is_done(size_t index, const std::string& split) const {
  return std::all_of(row_.task_set.begin(), row_.task_set.end(), [&](const std::string& task) {
    return find_accuracy(records_.find(run(index, task, split))).has_value();
  });
}

std::vector<FoundRecord> RowSearch::references() const {
  const Row reference = fine_tuned_row(row_.task_set);
  std::vector<FoundRecord> found;
  for (const std::string& task : row_.task_set) {
    found.push_back(records_.find(define_run(experiment_, reference, reference.candidates.front(),
                                             task, experiment_.select.split, plan_)));
  }
  return found;
}

bool RowSearch::has_references() const {
  const std::vector<FoundRecord> found = references();
  return std::all_of(found.begin(), found.end(),
                     [](const FoundRecord& record) { return record.has_value(); });
}

std::vector<CandidateScore> RowSearch::scores_of(const Row& row) {
  const std::string& split = experiment_.select.split;
  const std::vector<FoundRecord> fine_tuned = references();
  const std::vector<bool> counted = experiment_.select.counted(row.task_set);
  const auto given = given_references(experiment_.suite, row.task_set);
  std::vector<CandidateScore> scores;
  for (size_t i = 0; i < row.candidates.size(); ++i) {
    const auto known = settled_.find(i);
    if (known != settled_.end()) {
      scores.push_back(known->second);
      continue;
    }
    std::vector<FoundRecord> merged;
    for (const std::string& task : row.task_set) {
      merged.push_back(
          records_.find(define_run(experiment_, row, row.candidates[i], task, split, plan_)));
    }
    scores.push_back(candidate_score(merged, fine_tuned, given, counted));
    if (scores.back().state != CandidateScore::State::kMissing) settled_[i] = scores.back();
  }
  return scores;
}

std::vector<CandidateScore> RowSearch::scores() { return scores_of(row_); }

Choice RowSearch::choose() {
  const auto choice_of = [&](const Row& row) {
    return choose_candidate(scores_of(row), row.line_length, experiment_.select.patience,
                            row.refined);
  };
  if (grid_.candidates.size() == 1) {
    Choice only;
    only.index = 0;
    return only;
  }
  Row refined =
      refined_row(grid_, experiment_.select, [&](const Row& row) -> std::optional<size_t> {
        const Choice choice = choice_of(row);
        return choice.missing.empty() ? choice.index : std::nullopt;
      });
  // References to its candidates stay good unless there are more of them.
  if (refined.candidates.size() != row_.candidates.size()) row_ = std::move(refined);
  return choice_of(row_);
}

}  // namespace isomerge
