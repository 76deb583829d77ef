// merge/merge_plan.h -- what a merge would do to every tensor, from the headers alone.
#pragma once

#include <string>
#include <vector>

#include "config/recipe.h"
#include "task/updates.h"

namespace isomerge {

struct PlannedTensor {
  TensorInfo info;
  std::string role;    // "matrix", "other", "excluded", "copied"
  std::string reason;  // "2-D", "1-D", "name contains text_projection", "--average GLOB"...
  uint64_t bytes = 0;  // to read, base and experts
};

struct MergePlan {
  std::vector<PlannedTensor> tensors;  // file order
  uint64_t bytes = 0;                  // to read
  // Of the updates in flight in the compute dtype and the results that wait; LAPACK's workspace,
  // some five matrices of the largest shape, comes on top.
  uint64_t memory = 0;
};

// Opens and compares all files, reads no tensor. Throws Error as merge_files() would.
MergePlan plan_merge(const Recipe& recipe, int threads);

}  // namespace isomerge
