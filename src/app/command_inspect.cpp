#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/hash.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "task/updates.h"

namespace isomerge {
namespace {

// What a merge would take the tensor for, without any glob.
std::string role_text(const TensorInfo& info) {
  switch (RoleRules{}.role_of(info)) {
    case Role::kMatrix:
      return "matrix";
    case Role::kCopied:
      return "copied";
    default:
      return "other";
  }
}

void print_json(const Checkpoint& checkpoint, const std::string& hash) {
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const TensorInfo& info : checkpoint.tensors()) {
    tensors.push_back({{"name", info.name},
                       {"dtype", dtype_text(info.dtype)},
                       {"shape", info.shape},
                       {"role", role_text(info)}});
  }
  const nlohmann::ordered_json out = {
      {"file", checkpoint.label()},        {"format", format_text(checkpoint.format())},
      {"bytes", checkpoint.file_bytes()},  {"hash", hash},
      {"metadata", checkpoint.metadata()}, {"tensors", tensors}};
  fmt::print("{}\n", out.dump(2));
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
               role_text(info), shape_text(info.shape));
  }
  fmt::print("{}: {}, {} tensors, {} values, {}\nhash {}\n", checkpoint.label(),
             format_text(checkpoint.format()), checkpoint.tensors().size(), with_commas(parameters),
             human_bytes(checkpoint.file_bytes()), hash);
  for (const auto& [key, value] : checkpoint.metadata()) fmt::print("{}: {}\n", key, value);
}

int print_differences(const Checkpoint& checkpoint, const Checkpoint& other, bool json) {
  const auto lines = layout_differences(other.layout(), checkpoint.layout());
  if (json) {
    fmt::print("{}\n",
               nlohmann::ordered_json{
                   {"file", checkpoint.label()}, {"against", other.label()}, {"differences", lines}}
                   .dump(2));
  } else if (lines.empty()) {
    fmt::print("{} has the {} tensors of {}, in name and shape\n", checkpoint.label(),
               other.tensors().size(), other.label());
  } else {
    fmt::print("{} differs from {} in {} tensors:\n", checkpoint.label(), other.label(),
               lines.size());
    for (const std::string& line : lines) fmt::print("  {}\n", line);
  }
  return lines.empty() ? 0 : 1;
}

}  // namespace

const CommandInfo& inspect_info() {
  static const CommandInfo info{
      "inspect",
      "FILE [--against FILE] [options]",
      "list a checkpoint's tensors, or how two checkpoints differ",
      "  isomerge inspect cars.safetensors --against base.safetensors",
      {{"against", "FILE", "list the differences to this file; exit code 1 if there are any"},
       {"json", "", "print the result as JSON"}},
      1,
      1};
  return info;
}

int run_inspect(const Arguments& arguments) {
  const Checkpoint checkpoint(arguments.operands()[0]);
  if (const auto against = arguments.find("against")) {
    return print_differences(checkpoint, Checkpoint(*against), arguments.has("json"));
  }
  const std::string hash = hash_file(checkpoint.path());
  if (arguments.has("json")) {
    print_json(checkpoint, hash);
  } else {
    print_tensors(checkpoint, hash);
  }
  return 0;
}

}  // namespace isomerge
