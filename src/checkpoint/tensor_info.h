// checkpoint/tensor_info.h -- what is known of a tensor before its bytes are read.
//
// Layout, stated once for the whole program: weights are row-major [out, in] as in PyTorch,
// contiguous, on the CPU unless moved.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

namespace isomerge {

struct TensorInfo {
  std::string name;
  at::ScalarType dtype = at::kFloat;  // as stored
  std::vector<int64_t> shape;         // empty: a scalar

  int64_t elements() const;  // product of shape; 1 for a scalar
  uint64_t bytes() const;    // as stored
};

// Why no tensor of this shape can be made, for a message: its size in bytes, or one of its strides,
// does not fit 63 bits (a size of 0 elsewhere does not help), or it has more than 64 dimensions.
// Ask before the shape of a file is believed: elements() and bytes() do not check.
std::optional<std::string> find_shape_fault(at::ScalarType dtype,
                                            const std::vector<int64_t>& shape);

// "fp32", "fp16", "bf16", "fp64", "int64", ...: the spelling of the command line and of messages.
std::string dtype_text(at::ScalarType dtype);

// `tensor` converted to `dtype`. Throws Error(kInput) starting with `where` if a finite value
// becomes infinite by it: infinity must not slip into a checkpoint. Cost: two copies at most.
at::Tensor convert_finite(const at::Tensor& tensor, at::ScalarType dtype, const std::string& where);

// Floating-point tensors are merged; all others (position ids and the like) are copied from the
// base.
bool is_floating(at::ScalarType dtype);

// The weights of one model: name -> tensor. Ordered, so that whatever is summed or written by
// walking it comes out the same each time. The one thing that merge and eval both know.
using Weights = std::map<std::string, at::Tensor>;

}  // namespace isomerge
