#include "experiment/row_search.h"

#include <algorithm>

#include "config/mask_rows.h"

namespace isomerge {

const FoundRecord& KnownRecords::find(const RunDefinition& run) {
  const std::string key = run_key(run);
  const auto known = records_.find(key);
  if (known != records_.end()) return known->second;
  FoundRecord record = store_.find(key);
  if (record && record->status != RunStatus::kDone) record.reset();
  if (record) stored_.insert(key);
  return records_.emplace(key, std::move(record)).first->second;
}

void KnownRecords::put(const Record& record) {
  store_.put(record);
  records_[run_key(record.run)] = record;
}

LambdaSearch find_lambdas(const Experiment& experiment, const Row& row, const Plan& plan,
                          KnownRecords& records) {
  const Row trials = mask_trials(row);
  const RowSearch search(experiment, trials, plan, records);
  return search_lambdas(row.task_set, lambda_grid(), [&](size_t index, const std::string& task) {
    return records.find(search.run(index, task, experiment.select.split));
  });
}

bool RowSearch::is_done(size_t index, const std::string& split) const {
  return std::all_of(row_.task_set.begin(), row_.task_set.end(), [&](const std::string& task) {
    return find_accuracy(records_.find(run(index, task, split))).has_value();
  });
}

Choice RowSearch::choose() const {
  if (row_.candidates.size() == 1) {
    Choice only;
    only.index = 0;
    return only;
  }
  const std::string& split = experiment_.select.split;
  const Row reference = fine_tuned_row(row_.task_set);
  std::vector<FoundRecord> fine_tuned;
  for (const std::string& task : row_.task_set) {
    fine_tuned.push_back(records_.find(
        define_run(experiment_, reference, reference.candidates.front(), task, split, plan_)));
  }
  const std::vector<bool> counted = experiment_.select.counted(row_.task_set);
  const auto given = given_references(experiment_.suite, row_.task_set);
  std::vector<CandidateScore> scores;
  for (size_t i = 0; i < row_.candidates.size(); ++i) {
    std::vector<FoundRecord> merged;
    for (const std::string& task : row_.task_set) {
      merged.push_back(records_.find(run(i, task, split)));
    }
    scores.push_back(candidate_score(merged, fine_tuned, given, counted));
  }
  return choose_candidate(scores, row_.line_length, experiment_.select.patience);
}

}  // namespace isomerge
