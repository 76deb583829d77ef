// merge/rule.h -- what a rule takes and gives: the updates of one tensor name -> one merged update.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "task/updates.h"

namespace isomerge {

struct Merged {
  at::Tensor update;  // the shape and dtype of the task updates; not yet scaled by alpha
  int64_t cut = 0;    // directions that counted as zero (linalg/svd.h, null_threshold)
  // Which directions count may have been decided by fp32 noise (linalg/svd.h, Rank).
  bool is_doubtful = false;
};

using Rule = std::function<Merged(const std::vector<Update>&)>;

// The rules of one method. A method without a rule for matrices treats every tensor alike.
struct Rules {
  Rule matrix;  // [m, n]; may be empty
  Rule other;   // any shape, element by element
};

// A matrix rule that does not trust doubtful results: in fp32 it computes those again in fp64 from
// the same updates.
Rule with_second_look(Rule rule);

// sum_t D_t and (1/T) sum_t D_t, in task order.
// updates  T >= 1, one shape and dtype. Throws Error(kInput) otherwise.
// cost     T passes over the tensor.
at::Tensor sum_of_updates(const std::vector<Update>& updates);
at::Tensor mean_of_updates(const std::vector<Update>& updates);

// Throws Error(kInput) unless the updates are T >= 1 finite matrices of one shape and dtype.
// Returns r = min(m, n).
int64_t require_matrices(const std::vector<Update>& updates);

}  // namespace isomerge
