#include "train/training_state.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/tensor_hash.h"

namespace isomerge {
namespace {

const std::string kPrefix = "isomerge.finetune.";
const std::string kParameter = "parameter/";

// The value of a metadata key; "nothing" if it is not there.
std::string value_of(const Checkpoint& file, const std::string& key) {
  const auto found = file.metadata().find(kPrefix + key);
  return found == file.metadata().end() ? "nothing" : found->second;
}

void require_same_run(const Checkpoint& file, const RunIdentity& identity) {
  std::vector<std::string> lines;
  for (const auto& [key, value] : identity) {
    const std::string found = value_of(file, key);
    if (found != value) lines.push_back(fmt::format("{}: expected {}, got {}", key, value, found));
  }
  if (lines.empty()) return;
  throw input_error(
      fmt::format("{}: left by another run than this one: {}. Repeat that run to finish it, or "
                  "delete the file to start anew",
                  file.label(), join(lines, "; ")));
}

double require_number(const Checkpoint& file, const std::string& key) {
  const auto number = parse_number(value_of(file, key));
  if (number) return *number;
  throw input_error(fmt::format("{}: {}: expected a number, got {}. Delete the file to start anew",
                                file.label(), key, value_of(file, key)));
}

}  // namespace

std::map<std::string, std::string> identity_metadata(const RunIdentity& identity) {
  std::map<std::string, std::string> metadata = {{"format", "pt"}};
  for (const auto& [key, value] : identity) metadata[kPrefix + key] = value;
  return metadata;
}

void write_training_state(const std::filesystem::path& path, const TrainingState& state,
                          const RunIdentity& identity) {
  Weights tensors = state.optimizer;
  for (const auto& [name, tensor] : state.parameters) tensors[kParameter + name] = tensor;
  RunIdentity all = identity;
  all["step"] = std::to_string(state.step);
  all["loss"] = number_text(state.loss);
  all["hash"] = weights_hash(tensors);
  write_safetensors(path, tensors, identity_metadata(all));
}

std::optional<TrainingState> find_training_state(const std::filesystem::path& path,
                                                 const RunIdentity& identity) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return {};
  const Checkpoint file(path);
  require_same_run(file, identity);
  Weights tensors = file.read_all();
  if (const std::string hash = weights_hash(tensors); hash != value_of(file, "hash")) {
    throw input_error(
        fmt::format("{}: damaged: its tensors hash to {}, not to {}. Delete the file "
                    "to start anew",
                    file.label(), hash, value_of(file, "hash")));
  }
  TrainingState state;
  state.step = static_cast<int64_t>(require_number(file, "step"));
  state.loss = require_number(file, "loss");
  for (auto& [name, tensor] : tensors) {
    const bool is_parameter = name.starts_with(kParameter);
    (is_parameter ? state.parameters : state.optimizer)
        .emplace(is_parameter ? name.substr(kParameter.size()) : name, std::move(tensor));
  }
  return state;
}

}  // namespace isomerge
