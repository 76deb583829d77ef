// experiment/weight_source.h -- the weights and merged updates behind an experiment's rows.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <c10/core/Device.h>

#include "checkpoint/checkpoint.h"
#include "config/experiment.h"
#include "merge/executor.h"
#include "merge/method.h"

namespace isomerge {

// The experts that a row merges, in its order.
std::vector<Expert> row_experts(const Suite& suite, const Row& row);

// Keeps the last merged update: a grid over alpha merges once.
class WeightSource {
 public:
  // `experiment` and `cache`, if there is one, have to outlive this object. Statistics that methods
  // ask for are kept in the folder `statistics`, and made where they are missing.
  WeightSource(const Experiment& experiment, std::filesystem::path statistics, int threads,
               c10::Device device, FactorCache* cache = nullptr)
      : experiment_(experiment),
        statistics_(std::move(statistics)),
        threads_(threads),
        device_(device),
        cache_(cache) {}

  // base + alpha * merged update, or a checkpoint as it is where nothing is merged; `task` says
  // which of a row with a model per task. Errors: those of reading and merging.
  Weights weights(const Row& row, const Candidate& candidate, const std::string& task);

  // The merged update of a candidate with one model for all tasks, before alpha: its floating
  // tensors.
  Weights merged_update(const Row& row, const Candidate& candidate);

  // What there is to say of the matrices of the last merge; empty where it was not of this row.
  const std::vector<std::pair<std::string, Findings>>& findings() const { return findings_; }

 private:
  void merge(const Row& row, const Options& options);

  MethodInputs inputs_of(const Row& row, const Options& options);

  const Experiment& experiment_;
  const std::filesystem::path statistics_;
  int threads_;
  c10::Device device_;
  FactorCache* cache_;
  std::string merged_for_;
  std::vector<MergedTensor> merged_;
  std::vector<std::pair<std::string, Findings>> findings_;
  std::set<std::pair<std::string, StatisticsKind>> complete_;  // statistics seen to be there
};

}  // namespace isomerge
