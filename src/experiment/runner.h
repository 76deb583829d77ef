// experiment/runner.h -- carries out an experiment: whatever is not stored yet is computed, stored,
// and never computed again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "config/experiment.h"
#include "factor/factor_cache.h"

namespace isomerge {

struct RunSettings {
  std::filesystem::path results;
  int threads = 1;
  c10::Device device = c10::Device(c10::kCPU);
  std::string program_version;       // for the log beside the records
  std::filesystem::path cache = {};  // folder of the factor cache; empty: none
  uint64_t cache_size = 0;           // bytes that it may hold; 0: no bound
  int shard = 0, shards = 1;         // which share of the work comes first, of how many
};

struct RunSummary {
  int64_t computed = 0;               // records written now
  int64_t reused = 0;                 // records that were there
  int64_t failed = 0;                 // records of runs that failed now
  int64_t left_to_others = 0;         // pieces of work that other shards are at
  std::vector<std::string> failures;  // what went wrong, one line each
  double merge_seconds = 0.0;         // merging, scaling and binding weights
  double evaluate_seconds = 0.0;      // answering examples
  FactorCache::Counts cache;          // what the factor cache served
};

// For every row of the experiment: chooses its lambdas first, if it lacks them
// (config/mask_rows.h), evaluates its candidates on the selection split, chooses one
// (metric/selection.h, config/refinement.h), evaluates it on the report's split. The fine-tuned
// experts, which every normalised accuracy divides by, come first. Merged updates are computed when
// a record needs one, those that share factors together (experiment/merge_groups.h). Beside the
// analyses that the experiment asks for, a search over candidates is stored as one.
//
// Any number of processes and machines may share the folder of results: each claims what it works
// on (store/claims.h, experiment/work_list.h), its own shard first, then what nobody has claimed
// and what is left of those that died. A process alone, of one shard, returns when everything is
// there; one of several when there is nothing left to claim.
//
// A run that fails, for want of memory too, is stored as failed and the next goes on; it is tried
// again at the next start. Work of which two processes died in a row is stored as failed likewise.
// Killed at any point, the next start continues and ends with the same records.
// Throws Error(kInput) for whatever keeps the whole experiment from running; kMachine if records
// cannot be written; kInterrupted.
RunSummary run_experiment(const Experiment& experiment, const RunSettings& settings);

}  // namespace isomerge
