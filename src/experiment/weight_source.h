// experiment/weight_source.h -- the weights and merged updates behind an experiment's rows.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <c10/core/Device.h>

#include "checkpoint/checkpoint.h"
#include "config/experiment.h"
#include "experiment/merge_groups.h"
#include "merge/executor.h"
#include "merge/method.h"

namespace isomerge {

// The experts that a row merges, in its order.
std::vector<Expert> row_experts(const Suite& suite, const Row& row);

// Keeps the merged updates of one group (experiment/merge_groups.h): a grid over alpha merges once,
// and merges that ask for the same factors are done together.
class WeightSource {
 public:
  // `experiment` and `cache`, if there is one, have to outlive this object. Statistics that methods
  // ask for are kept in the folder `statistics`, and made where they are missing.
  WeightSource(const Experiment& experiment, std::filesystem::path statistics, int threads,
               c10::Device device, FactorCache* cache = nullptr);

  // base + alpha * merged update, or a checkpoint as it is where nothing is merged; `task` says
  // which of a row with a model per task. Errors: those of reading and merging.
  Weights weights(const Row& row, const Candidate& candidate, const std::string& task);

  // The merged update of a candidate with one model for all tasks, before alpha: its floating
  // tensors.
  Weights merged_update(const Row& row, const Candidate& candidate);

  // What there is to say of the matrices of a candidate's merge, which merged_update() or weights()
  // has just given.
  const std::vector<std::pair<std::string, Findings>>& findings(const Row& row,
                                                                const Candidate& candidate);

 private:
  struct Held {
    Weights update;  // floating tensors, compute dtype
    std::vector<std::pair<std::string, Findings>> findings;
  };

  const Held& merged(const Row& row, const Options& options);
  void merge(const std::vector<SuiteMerge>& merges);
  MethodInputs inputs_of(const SuiteMerge& merge);

  const Experiment& experiment_;
  const std::filesystem::path statistics_;
  int threads_;
  c10::Device device_;
  FactorCache* cache_;
  const MergeGroups groups_;
  Weights base_;                      // every tensor, in compute dtype; read by the first merge
  std::map<std::string, Held> held_;  // by SuiteMerge::key()
  std::set<std::pair<std::string, StatisticsKind>> complete_;  // statistics seen to be there
};

}  // namespace isomerge
