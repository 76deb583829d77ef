// experiment/run_estimate.h -- what an experiment would cost, before anything is computed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "experiment/runner.h"

namespace isomerge {

// What run_experiment() does at most for one row: nothing is stored yet, and no line of candidates
// is left early. Analyses are not counted.
struct RowEstimate {
  int64_t merges = 0;
  int64_t evaluations = 0;  // of one model on one split of one task
  int64_t examples = 0;     // images or texts, answered by them
  double merge_seconds = 0.0;
  double encode_seconds = 0.0;
};

struct RunEstimate {
  RowEstimate experts;            // the fine-tuned ones, which every normalised accuracy needs
  std::vector<RowEstimate> rows;  // of the experiment; what an earlier one did is not done again
  uint64_t memory = 0;            // peak resident memory of the process

  RowEstimate total() const;
};

// Merges are planned (merge/merge_plan.h), and a few examples of each task are read and answered by
// the base to see how fast that is: seconds for small encoders, a minute for large ones. Times are
// those of this machine as busy as it is now. Loading and binding weights is not counted,
// nor what statistics and the merges that read them take.
// Throws Error(kInput) as run_experiment() would before its first record.
RunEstimate estimate_run(const Experiment& experiment, const RunSettings& settings);

}  // namespace isomerge
