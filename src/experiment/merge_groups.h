// experiment/merge_groups.h -- which merges of an experiment are done in one pass over the files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/experiment.h"

namespace isomerge {

// One merge: what a row's method with these options makes of its tasks. Alphas share it.
struct SuiteMerge {
  std::string method;
  Options options;
  std::vector<std::string> tasks;

  std::string key() const;  // for people and for telling merges apart within an experiment
};

// Rows whose methods factorise matrices (and neither scan the files first nor read statistics) ask
// for the same factors: of each task, of its sum. Such merges, in the order of the experiment, form
// groups whose updates fit into memory together. Groups follow from the experiment alone, never
// from what is stored: merges of one group differ by rounding from merges done alone, and a run
// that was killed has to end with the same bytes.
class MergeGroups {
 public:
  // update_bytes: of one merged update. bound: bytes that the updates of a group may take.
  MergeGroups(const Experiment& experiment, uint64_t update_bytes, uint64_t bound);

  // The group of a merge, itself included; a merge that shares nothing is alone.
  std::vector<SuiteMerge> group_of(const SuiteMerge& merge) const;

  // In plan order, those of one merge left out.
  const std::vector<std::vector<SuiteMerge>>& groups() const { return groups_; }

 private:
  std::vector<std::vector<SuiteMerge>> groups_;
  std::map<std::string, size_t> group_by_key_;
};

// Bytes of one merged update of the experiment's suite.
uint64_t update_bytes(const Experiment& experiment);

// Those of a run: 4 GiB of merged updates at once.
MergeGroups merge_groups(const Experiment& experiment);

}  // namespace isomerge
