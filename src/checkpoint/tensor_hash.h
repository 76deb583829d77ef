// checkpoint/tensor_hash.h -- content hashes of tensors: what they hold, not how a file stores it.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "checkpoint/tensor_info.h"

namespace isomerge {

// XXH3-128 of shape, dtype and values; contiguous, CPU.
std::string tensor_hash(const at::Tensor& tensor);

// The same of all tensors and their names.
std::string weights_hash(const Weights& weights);

}  // namespace isomerge
