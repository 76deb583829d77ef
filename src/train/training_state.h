// train/training_state.h -- a training run in a file, from which it continues.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "checkpoint/tensor_info.h"

namespace isomerge {

// Everything that decides which bytes a run ends with: key -> value, for people to compare.
using RunIdentity = std::map<std::string, std::string>;

// `identity` as metadata of a safetensors file: "isomerge.finetune.<key>".
std::map<std::string, std::string> identity_metadata(const RunIdentity& identity);

struct TrainingState {
  int64_t step = 0;    // updates done
  double loss = 0.0;   // mean over the latest steps
  Weights parameters;  // fp32
  Weights optimizer;   // Optimizer::state()
};

// Writes a safetensors file with the tensors "parameter/<name>" and those of the optimizer,
// atomically.
void write_training_state(const std::filesystem::path& path, const TrainingState& state,
                          const RunIdentity& identity);

// Nothing if there is no such file.
// throws  Error(kInput) with the path: what differs from `identity`, or that the file is damaged
//         (its tensors are hashed).
std::optional<TrainingState> find_training_state(const std::filesystem::path& path,
                                                 const RunIdentity& identity);

}  // namespace isomerge
