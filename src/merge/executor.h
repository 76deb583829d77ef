// merge/executor.h -- runs methods over all tensors of a suite, a few pieces at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "checkpoint/tensor_info.h"
#include "factor/factor_cache.h"
#include "merge/merge_summary.h"
#include "merge/pieces.h"
#include "merge/rule.h"
#include "task/updates.h"

namespace isomerge {

// Rows [first, first + base.size(0)) of one tensor.
struct MergedPiece {
  const Piece& piece;
  at::Tensor base;         // [rows, ...] compute dtype, CPU; kCopied: as stored
  at::Tensor update;       // compute dtype, CPU, not scaled; kExcluded: zeros; kCopied: undefined
  const LowRank& factors;  // Merged::factors; undefined tensors where there are none
};

struct MergeSettings {
  RoleRules roles;
  at::ScalarType dtype = at::kFloat;            // of the computation
  int threads = 1;                              // pieces at once; one thread computes one piece
  c10::Device device = c10::Device(c10::kCPU);  // of the matrix rules
  FactorCache* cache = nullptr;                 // of matrix rules
  uint64_t max_memory = 0;  // resident memory of the whole process, in bytes; 0: no bound
};

// The rules of one merge of all tasks.
MergePoint point_of_all(Rules rules, const Updates& updates);

// Merges every tensor for every point and hands the pieces to `sink` in file order, one call per
// point. Each tensor is read once per pass, and the points of one matrix share their factors. The
// results do not depend on `threads`, nor, beyond rounding, on the other points. At most
// 2 * threads pieces are in flight, fewer where max_memory demands it; the files of the next ones
// are read ahead by the system. Returns a summary per point.
//
// Throws Error: see Updates::load_rows and the rules, with the tensor's name; kInput if max_memory
// is less than the largest piece needs; kMachine if memory runs out; kInterrupted between pieces.
std::vector<MergeSummary> merge_points(
    const Updates& updates, const std::vector<MergePoint>& points, const MergeSettings& settings,
    const std::function<void(size_t point, const MergedPiece&)>& sink);

// The same with whole tensors, for callers that keep them all.
struct MergedTensor {
  TensorInfo info;  // as in the base
  Role role = Role::kOther;
  at::Tensor base, update;  // as in MergedPiece, in the tensor's shape
};
std::vector<MergeSummary> merge_tensors(const Updates& updates,
                                        const std::vector<MergePoint>& points,
                                        const MergeSettings& settings,
                                        const std::function<void(size_t, MergedTensor)>& sink);

// One merge of all tasks.
MergeSummary merge_tensors(const Updates& updates, const Rules& rules,
                           const MergeSettings& settings,
                           const std::function<void(MergedTensor)>& sink);

}  // namespace isomerge
