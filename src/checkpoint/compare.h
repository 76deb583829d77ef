// checkpoint/compare.h -- how the values of two checkpoints differ.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace isomerge {

// Of one tensor, entry by entry; all differences in float64. Two NaN in one place are equal, as are
// two infinities of one sign. Integers are compared exactly.
struct ValueDifference {
  std::string name;
  int64_t entries = 0;
  int64_t differing = 0;        // entries that are not equal
  int64_t one_sided_nan = 0;    // of them, NaN in one of the two only; not in the numbers below
  double max_difference = 0.0;  // largest |a - b|
  double relative = 0.0;        // ||a - b||_F / ||reference||_F; infinite if only that is 0
};

// `tensor` against `reference`: same shape, any dtypes. Cost: one pass in pieces of 1 MiB entries.
ValueDifference compare_values(const std::string& name, const at::Tensor& tensor,
                               const at::Tensor& reference);

struct CheckpointDifference {
  std::vector<std::string> layout;      // as layout_differences(), and every other dtype
  std::vector<ValueDifference> values;  // tensors in both, of one shape, that differ; by name
  size_t equal = 0;                     // such tensors that do not differ

  bool empty() const { return layout.empty() && values.empty(); }
  const ValueDifference* worst() const;  // the largest relative difference; null if none differs
};

// Cost: reads every tensor that both have. Memory: one tensor of each.
CheckpointDifference compare_checkpoints(const Checkpoint& checkpoint, const Checkpoint& reference);

}  // namespace isomerge
