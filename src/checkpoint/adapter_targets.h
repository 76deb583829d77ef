// checkpoint/adapter_targets.h -- which tensor of a base a module of an adapter means.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace isomerge {

// Rows of a base's tensor.
struct AdapterTarget {
  std::string name;             // of the tensor; empty: there is none
  int64_t first = 0, rows = 0;  // all of them, or those of q, k or v in a packed tensor
  bool is_transposed = false;   // [in, out] here, [out, in] in the model that was adapted
};

// The tensor `wanted` ("vision_model.encoder.layers.3.self_attn.q_proj.weight") of the model that
// was adapted, in a base that may be saved with more or fewer names in front, or under OpenCLIP's
// names where the adapter has HuggingFace's (clip_names.h), with q, k and v as rows of one tensor.
//
// shape   of the wanted tensor: of several that the name may mean, those of this shape count
// throws  Error(kInput) if several of this shape remain, naming them.
AdapterTarget find_adapter_target(const Checkpoint& base, std::string_view wanted,
                                  const std::vector<int64_t>& shape);

}  // namespace isomerge
