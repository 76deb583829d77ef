// task/entries.h -- loops over the entries of contiguous CPU tensors.
#pragma once

#include <ATen/core/Tensor.h>

namespace isomerge {

// True if no entry is NaN or Inf. fp32 or fp64, contiguous, CPU. Cost: one pass, no allocation.
bool all_finite(const at::Tensor& values);

// True if no entry differs from 0. As above; stops at the first that does.
bool all_zero(const at::Tensor& values);

}  // namespace isomerge
