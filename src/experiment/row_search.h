// experiment/row_search.h -- one row of an experiment, seen through the records that exist.
#pragma once

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

// Records of an experiment as this process knows them: read once, or just computed. Those that
// failed in an earlier process count as missing, so that a new start tries them again.
class KnownRecords {
 public:
  explicit KnownRecords(const ResultStore& store) : store_(store) {}

  const FoundRecord& find(const RunDefinition& run);
  void put(const Record& record);  // writes it to the store
  int64_t stored_count() const { return static_cast<int64_t>(stored_.size()); }

 private:
  const ResultStore& store_;
  std::map<std::string, FoundRecord> records_;  // by key
  std::set<std::string> stored_;                // keys found in the store, not made here
};

// The lambdas of a row that lacks them (config/mask_rows.h), as its trials' records choose them.
LambdaSearch find_lambdas(const Experiment& experiment, const Row& row, const Plan& plan,
                          KnownRecords& records);

class RowSearch {
 public:
  RowSearch(const Experiment& experiment, const Row& row, const Plan& plan, KnownRecords& records)
      : experiment_(experiment), row_(row), plan_(plan), records_(records) {}

  // The run behind candidate `index` on one task of the row's set.
  RunDefinition run(size_t index, const std::string& task, const std::string& split) const {
    return define_run(experiment_, row_, row_.candidates.at(index), task, split, plan_);
  }

  // Whether every task of the row has a finished record.
  bool is_done(size_t index, const std::string& split) const;

  // What the mean normalised accuracies on the selection split come to. A row with one candidate
  // has nothing to choose: it is chosen unseen.
  Choice choose() const;

 private:
  const Experiment& experiment_;
  const Row& row_;
  const Plan& plan_;
  KnownRecords& records_;
};

}  // namespace isomerge
