// merge/merge_plan.h -- what merges would do to every tensor, what they would need, and how long.
#pragma once

#include <filesystem>
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
  double seconds = 0.0;  // of one thread while all work
};

struct MergePlan {
  std::vector<PlannedTensor> tensors;  // file order
  int passes = 1;                      // over all bytes
  uint64_t bytes = 0;                  // of one pass
  uint64_t memory = 0;                 // peak resident memory of the process
  double seconds = 0.0;                // on all threads, from warm files to written outputs
  size_t largest = 0;                  // of `tensors`, the one that is held with most memory
  // Whether matrices that no expert changed were told apart; else all count as changed.
  bool is_compared = true;
  std::vector<std::filesystem::path> files_without_data;  // of which only the header is there
};

// Files of together more than this are planned from their headers alone.
inline constexpr uint64_t kMostCompared = uint64_t{32} << 30;

// Opens and compares all files. Of tensors it reads what tells whether a matrix was changed, unless
// that could be much (kMostCompared) or data is missing: a safetensors file needs no more than its
// header here. Times come from a measurement of this machine that takes a fraction of a second.
// Throws Error as merge_files() would.
MergePlan plan_merge(const std::vector<Recipe>& recipes, const MergeResources& resources);

}  // namespace isomerge
