// report/records.h -- the records of one experiment, each read once, and what they choose.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "metric/selection.h"
#include "store/lambda_search.h"
#include "store/plan.h"
#include "store/result_store.h"
#include "store/scores.h"

namespace isomerge {

class ExperimentRecords {
 public:
  // All three have to outlive this object.
  ExperimentRecords(const Experiment& experiment, const Plan& plan, const ResultStore& store)
      : experiment_(experiment), plan_(plan), store_(store) {}

  const Experiment& experiment() const { return experiment_; }
  const Plan& plan() const { return plan_; }

  // The key of a candidate's run on one task of the row's set. Nothing if the plan lacks a task
  // that it depends on: tasks that were added to the experiment after it ran are missing, not an
  // error.
  std::optional<std::string> key(const Row& row, const Candidate& candidate,
                                 const std::string& task, const std::string& split) const;

  const FoundRecord& find(const Row& row, const Candidate& candidate, const std::string& task,
                          const std::string& split);

  // One per task of the row's set.
  std::vector<FoundRecord> find_all(const Row& row, const Candidate& candidate,
                                    const std::string& split);

  // What the store has of an analysis of the candidate's merged update.
  std::optional<AnalysisRecord> find_analysis(const AnalysisEntry& entry, const Row& row,
                                              const Candidate& candidate) const;

  // A record that find() came upon. Throws Error(kInternal) if there is none of that key.
  const Record& at(const std::string& key) const;

  // What accuracies of the task are divided by: see reference_accuracy().
  std::optional<Accuracy> reference(const std::string& task, const std::string& split);

  // Mean normalised accuracy of every candidate of the row on the selection split.
  std::vector<CandidateScore> scores(const Row& row);

  // Which candidate the selection split chooses. A single one needs no records.
  Choice choose(const Row& row);

  // The row with the candidates of those rounds of refinement that can be told
  // (config/refinement.h).
  Row refined(const Row& row);

  // The lambdas of a row that lacks them (config/mask_rows.h).
  LambdaSearch find_lambdas(const Row& row);

 private:
  const Experiment& experiment_;
  const Plan& plan_;
  const ResultStore& store_;
  std::map<std::string, FoundRecord> records_;  // by key
};

}  // namespace isomerge
