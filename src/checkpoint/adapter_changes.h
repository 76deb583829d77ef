// checkpoint/adapter_changes.h -- what the tensors of a PEFT adapter's file mean in a base.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/adapter_config.h"
#include "checkpoint/checkpoint.h"

namespace isomerge {

// What one module of an adapter does to rows [first, first + rows) of a tensor of the base.
struct AdapterChange {
  enum class Kind {
    kFactors,      // adds scale * B A
    kRowScale,     // multiplies each row by an entry of a vector
    kColumnScale,  // each column
    kWhole         // puts a tensor in its place
  };
  Kind kind = Kind::kFactors;
  int64_t first = 0, rows = 0;
  std::string first_factor = {};   // name in the adapter's file: A, the vector, or the tensor
  std::string second_factor = {};  // B; empty: there is none
  double scale = 1.0;
  bool is_transposed = false;  // the tensor is [in, out], the product [out, in]
};

using AdapterChanges = std::map<std::string, std::vector<AdapterChange>>;  // by name in the base

// throws  one Error(kInput) with file, module, expected and found of every fault: a factor without
//         the other, ranks that differ from each other or from the configuration, factors of
//         convolutions, magnitudes of DoRA and other tensors that LoRA and (IA)^3 do not have, a
//         module that the base does not have or has in another shape.
AdapterChanges find_adapter_changes(const Checkpoint& file, const AdapterConfig& config,
                                    const Checkpoint& base);

}  // namespace isomerge
