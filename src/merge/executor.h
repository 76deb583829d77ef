// merge/executor.h -- runs a method over all tensors of a suite, a few tensors at a time.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/tensor_info.h"
#include "merge/rule.h"
#include "task/updates.h"

namespace isomerge {

struct MergedTensor {
  TensorInfo info;  // as in the base
  Role role = Role::kOther;
  at::Tensor base;    // compute dtype, CPU; kCopied: as stored
  at::Tensor update;  // compute dtype, CPU, not scaled; kExcluded: zeros; kCopied: undefined
};

struct MergeSettings {
  RoleRules roles;
  at::ScalarType dtype = at::kFloat;  // of the computation
  int threads = 1;                    // tensors at once; one thread computes one tensor
  c10::Device device = c10::Device(c10::kCPU);
};

// What a person wants to know of a merge that is done.
struct MergeSummary {
  int64_t matrices = 0, others = 0, excluded = 0, copied = 0;
  int64_t zero_updates = 0;  // tensors that no task changed
  // Matrices with directions that counted as zero, and how many.
  std::vector<std::pair<std::string, int64_t>> cut;
  // Pairs of tasks whose experts hold the same values in every tensor.
  std::vector<std::pair<std::string, std::string>> equal_experts;
};

// Merges every tensor and hands it to `sink` in file order. The results do not depend on `threads`.
// At most 2 * threads tensors are in flight, each T + 1 tensors of its shape while it is computed.
// Throws Error: see Updates::load and the rules, with the tensor's name; kMachine if memory runs
// out; kInterrupted between tensors.
MergeSummary merge_updates(const Updates& updates, const Rules& rules,
                           const MergeSettings& settings,
                           const std::function<void(MergedTensor)>& sink);

}  // namespace isomerge
