// experiment/row_search.h -- one row of an experiment, seen through the records that exist.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "metric/selection.h"
#include "store/lambda_search.h"
#include "store/plan.h"
#include "store/result_store.h"
#include "store/scores.h"

namespace isomerge {

// Records of an experiment as this process knows them: just computed, or read once. Those that had
// failed before this object was made count as missing, so that a new start tries them again; those
// that fail meanwhile, here or elsewhere, do not.
class KnownRecords {
 public:
  explicit KnownRecords(const ResultStore& store);

  const FoundRecord& find(const RunDefinition& run);
  void put(const Record& record);  // writes it to the store

  // Looks which records others have stored since. Cost: lists one folder.
  void refresh();

  int64_t stored_count() const { return static_cast<int64_t>(stored_.size()); }

 private:
  const ResultStore& store_;
  std::set<std::string> present_;               // keys in the store
  const std::set<std::string> at_start_;        // the same when this object was made
  std::map<std::string, FoundRecord> records_;  // by key
  std::set<std::string> stored_;                // keys found in the store, not made here
};

// The lambdas of a row that lacks them (config/mask_rows.h), as its trials' records choose them.
LambdaSearch find_lambdas(const Experiment& experiment, const Row& row, const Plan& plan,
                          KnownRecords& records);

class RowSearch {
 public:
  // `row` does not lack lambdas.
  RowSearch(const Experiment& experiment, Row row, const Plan& plan, KnownRecords& records)
      : experiment_(experiment), grid_(row), row_(std::move(row)), plan_(plan), records_(records) {}

  // With the candidates of the rounds of refinement that have begun: choose() may add some, and
  // then they all move.
  const Row& row() const { return row_; }

  // The run behind candidate `index` on one task of the row's set.
  RunDefinition run(size_t index, const std::string& task, const std::string& split) const {
    return define_run(experiment_, row_, row_.candidates.at(index), task, split, plan_);
  }

  // The tasks of the row without a record of that candidate, finished or failed.
  std::vector<std::string> missing_tasks(size_t index, const std::string& split) const;

  // Whether every task of the row has a finished record.
  bool is_done(size_t index, const std::string& split) const;

  // Whether the experts' own records, by which accuracies are divided, are there.
  bool has_references() const;

  // Of every candidate, what its mean normalised accuracy on the selection split is.
  std::vector<CandidateScore> scores();

  // What the scores come to. A row with one candidate has nothing to choose: it is chosen unseen.
  Choice choose();

 private:
  std::vector<FoundRecord> references() const;
  std::vector<CandidateScore> scores_of(const Row& row);

  const Experiment& experiment_;
  const Row grid_;
  Row row_;
  const Plan& plan_;
  KnownRecords& records_;
  std::map<size_t, CandidateScore> settled_;  // by candidate: known or failed, which stays
};

}  // namespace isomerge
