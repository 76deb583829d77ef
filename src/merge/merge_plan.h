// merge/merge_plan.h -- what merges would do to every tensor, what they would need, and how long.
#pragma once

#include <string>
#include <vector>

#include "config/recipe.h"
#include "merge/merge_files.h"
#include "task/updates.h"

namespace isomerge {

struct RankRange {
  int64_t least = 0, most = 0;
};

struct PlannedTensor {
  TensorInfo info;
  std::string role;           // "matrix", "other", "excluded", "copied"
  std::string reason;         // "2-D", "1-D", "name contains text_projection", "--average GLOB"...
  bool is_unchanged = false;  // a matrix that no expert changed: copied by blocks
  // Ranks k and s, from the smallest to the largest of all recipes; 0 where a method has none.
  RankRange common = {}, per_task = {};
  uint64_t bytes = 0;    // to read, base and experts
  uint64_t memory = 0;   // held while it is computed
  double seconds = 0.0;  // on one thread
};

struct MergePlan {
  std::vector<PlannedTensor> tensors;  // file order
  int passes = 1;                      // over all bytes
  uint64_t bytes = 0;                  // of one pass
  uint64_t memory = 0;                 // peak resident memory of the process
  double seconds = 0.0;                // on all threads
};

// Opens and compares all files; of their tensors it reads what tells whether a matrix was changed.
// Times come from a measurement of this machine that takes a fraction of a second. Throws Error as
// merge_files() would.
MergePlan plan_merge(const std::vector<Recipe>& recipes, const MergeResources& resources);

}  // namespace isomerge
