#include "checkpoint/shard_index.h"

#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "checkpoint/json_check.h"

namespace isomerge {
namespace {

constexpr uint64_t kMaxBytes = 100'000'000;
constexpr size_t kMaxDepth = 16;  // some tools add metadata of their own

[[noreturn]] void refuse(const InputFile& file, const std::string& fact) {
  throw input_error(
      fmt::format("{}: not the index of a sharded checkpoint: {}", file.path().string(), fact));
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string("/\0", 2)) == std::string::npos;
}

}  // namespace

WeightMap read_shard_index(const InputFile& file) {
  if (file.size() > kMaxBytes) refuse(file, "it is larger than 100 MB");
  std::string text(file.size(), '\0');
  file.read_at(0, text.data(), text.size());
  if (const auto fault = find_json_fault(text, kMaxDepth)) refuse(file, *fault);
  const auto index = nlohmann::json::parse(text);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    refuse(file, "it has no \"weight_map\" of tensor and file names");
  }
  WeightMap map;
  for (const auto& [name, shard] : index["weight_map"].items()) {
    if (!shard.is_string() || !is_plain_name(shard.get<std::string>())) {
      refuse(file, fmt::format("{}: expected the name of a file in the same folder", name));
    }
    map[name] = shard.get<std::string>();
  }
  if (map.empty()) refuse(file, "its \"weight_map\" is empty");
  return map;
}

std::string shard_index_text(const WeightMap& map, uint64_t total_bytes) {
  const nlohmann::ordered_json index = {{"metadata", {{"total_size", total_bytes}}},
                                        {"weight_map", map}};
  return index.dump(2) + "\n";
}

std::vector<std::string> shards_of(const WeightMap& map) {
  std::set<std::string> shards;
  for (const auto& [name, shard] : map) shards.insert(shard);
  return {shards.begin(), shards.end()};
}

}  // namespace isomerge
