// eval/statistics.h -- what data-dependent methods need to know of one expert, from its examples.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "checkpoint/statistics.h"
#include "eval/objective.h"
#include "model/bound_module.h"

namespace isomerge {

struct StatisticsOptions {
  StatisticsKind kind = StatisticsKind::kInput;
  uint64_t max_memory = 0;  // bytes for sums and what a pass holds beside the module; 0: no bound
  int threads = 1;
  // Outputs and vectors wider than this get no matrix (a vocabulary's would be gigabytes).
  int64_t widest_output = 16384;
  // Told after every example of every pass, of how many all passes together have.
  std::function<void(int64_t done, int64_t all)> on_progress = {};
};

struct StatisticsSummary {
  int64_t passes = 0;
  int64_t tensors = 0;
  int64_t skipped = 0;  // linear operations whose output is too wide, or vectors
  uint64_t bytes = 0;   // of the sums of the largest pass
};

// Examples 0 .. count - 1 of the objective one at a time (so that nothing is filled up), with
// their true labels (empirical), by `module` as it is bound:
//   fisher  (1/N) sum over examples of (d log p(y|x) / d parameter)^2 of every trainable parameter
//   block_fisher  (1/N) sum over examples of g g^T, g = d log p(y|x) / d parameter, of every
//           trainable parameter with one dimension
//   input   (1/R) sum over rows of x x^T of every linear operation on a weight of the module
//   output  (1/R) sum over rows of g g^T, g = d log p(y|x) / d output
// with log p the mean over a target's tokens, R the rows of all examples: tokens of prompts in an
// encoder and where a decoder looks at it, of targets in the decoder (MaTS, save_gram_matrix.py). A
// bias is left out.
// What fits into max_memory at once is gathered in one pass over the examples; every pass is
// written before the next one. The file appears when it is complete. The same bytes for any number
// of threads; sums in fp32.
// throws  Error(kInput): what the objective throws; a gradient or an input that is NaN or Inf, with
//         its example; nothing to gather; max_memory is less than one matrix needs.
//         Error(kInterrupted) after a signal.
StatisticsSummary write_statistics(const std::filesystem::path& folder,
                                   const StatisticsOrigin& origin, BoundModule& module,
                                   const Objective& objective, int64_t count,
                                   const StatisticsOptions& options);

}  // namespace isomerge
