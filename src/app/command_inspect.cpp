#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/compare.h"
#include "checkpoint/tensor_hash.h"
#include "task/updates.h"

namespace isomerge {
namespace {

// What a merge would take the tensor for, without any glob.
std::string role_of(const TensorInfo& info) { return role_text(RoleRules{}.role_of(info)); }

// A path need not be UTF-8.
void print(const nlohmann::ordered_json& out) {
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_json(const Checkpoint& checkpoint, const std::string& hash) {
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const TensorInfo& info : checkpoint.tensors()) {
    tensors.push_back({{"name", info.name},
                       {"dtype", dtype_text(info.dtype)},
                       {"shape", info.shape},
                       {"role", role_of(info)}});
  }
  print({{"file", checkpoint.label()},
         {"format", format_text(checkpoint.format())},
         {"bytes", checkpoint.file_bytes()},
         {"hash", hash},
         {"metadata", checkpoint.metadata()},
         {"tensors", tensors}});
}

void print_tensors(const Checkpoint& checkpoint, const std::string& hash) {
  size_t width = 4;
  uint64_t parameters = 0;
  for (const TensorInfo& info : checkpoint.tensors()) {
    width = std::max(width, info.name.size());
    parameters += static_cast<uint64_t>(info.elements());
  }
  for (const TensorInfo& info : checkpoint.tensors()) {
    fmt::print("{:<{}}  {:<5}  {:<7}  {}\n", info.name, width, dtype_text(info.dtype),
               role_of(info), shape_text(info.shape));
  }
  fmt::print("{}: {}, {} tensors, {} values, {}\nhash {}\n", checkpoint.label(),
             format_text(checkpoint.format()), checkpoint.tensors().size(), with_commas(parameters),
             human_bytes(checkpoint.file_bytes()), hash);
  for (const auto& [key, value] : checkpoint.metadata()) fmt::print("{}: {}\n", key, value);
}

std::string value_text(const ValueDifference& values) {
  std::string text = fmt::format("{} of {} entries, max |difference| {:.3g}, relative {:.3g}",
                                 with_commas(static_cast<uint64_t>(values.differing)),
                                 with_commas(static_cast<uint64_t>(values.entries)),
                                 values.max_difference, values.relative);
  if (values.one_sided_nan > 0) {
    text += fmt::format(", {} NaN in one of the two only",
                        with_commas(static_cast<uint64_t>(values.one_sided_nan)));
  }
  return text;
}

void print_differences(const Checkpoint& checkpoint, const Checkpoint& other,
                       const CheckpointDifference& difference) {
  if (difference.empty()) {
    fmt::print("{} has the {} tensors of {}, in name, shape, dtype and value\n", checkpoint.label(),
               other.tensors().size(), other.label());
    return;
  }
  fmt::print("{} differs from {}:\n", checkpoint.label(), other.label());
  for (const std::string& line : difference.layout) fmt::print("  {}\n", line);
  for (const ValueDifference& values : difference.values) {
    fmt::print("  values: {}: {}\n", values.name, value_text(values));
  }
  fmt::print("{} other differences; of the tensors in both {} are equal, {} differ",
             difference.layout.size(), difference.equal, difference.values.size());
  if (const ValueDifference* worst = difference.worst()) {
    fmt::print("; worst: {}, relative {:.3g}", worst->name, worst->relative);
  }
  fmt::print("\n");
}

// JSON has no infinity: null stands for it.
void print_differences_json(const Checkpoint& checkpoint, const Checkpoint& other,
                            const CheckpointDifference& difference) {
  nlohmann::ordered_json values = nlohmann::ordered_json::array();
  for (const ValueDifference& value : difference.values) {
    values.push_back({{"name", value.name},
                      {"entries", value.entries},
                      {"differing", value.differing},
                      {"one_sided_nan", value.one_sided_nan},
                      {"max_difference", value.max_difference},
                      {"relative", value.relative}});
  }
  print({{"file", checkpoint.label()},
         {"against", other.label()},
         {"differences", difference.layout},
         {"values", values},
         {"equal", difference.equal},
         {"worst", difference.worst() != nullptr ? difference.worst()->name : ""}});
}

int run_against(const Checkpoint& checkpoint, const Checkpoint& other, bool json) {
  const CheckpointDifference difference = compare_checkpoints(checkpoint, other);
  if (json) {
    print_differences_json(checkpoint, other, difference);
  } else {
    print_differences(checkpoint, other, difference);
  }
  return difference.empty() ? 0 : 1;
}

}  // namespace

const CommandInfo& inspect_info() {
  static const CommandInfo info{
      "inspect",
      "FILE [--against FILE] [options]",
      "list a checkpoint's tensors, or how two checkpoints differ",
      "  isomerge inspect cars.safetensors --against base.safetensors",
      {{"against", "FILE", "list all differences, values included; exit code 1 if there are any"},
       {"json", "", "print the result as JSON"}},
      1,
      1};
  return info;
}

int run_inspect(const Arguments& arguments) {
  const Checkpoint checkpoint(arguments.operands()[0]);
  if (const auto against = arguments.find("against")) {
    return run_against(checkpoint, Checkpoint(*against), arguments.has("json"));
  }
  const std::string hash = files_hash(checkpoint.files());
  if (arguments.has("json")) {
    print_json(checkpoint, hash);
  } else {
    print_tensors(checkpoint, hash);
  }
  return 0;
}

}  // namespace isomerge
