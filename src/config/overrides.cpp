#include "config/overrides.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "config/options.h"

namespace isomerge {
namespace {

JsonValue json_of(const std::string& text) {
  const OptionValue option = parse_option_value(text);
  JsonValue value;
  if (const auto* boolean = std::get_if<bool>(&option)) {
    value.kind = JsonValue::Kind::kBool;
    value.boolean = *boolean;
  } else if (const auto* integer = std::get_if<int64_t>(&option)) {
    value.kind = JsonValue::Kind::kInt;
    value.integer = *integer;
    value.number = static_cast<double>(*integer);
  } else if (const auto* number = std::get_if<double>(&option)) {
    value.kind = JsonValue::Kind::kDouble;
    value.number = *number;
  } else {
    value.kind = JsonValue::Kind::kString;
    value.text = text;
  }
  return value;
}

JsonValue& member_of(JsonValue& object, std::string_view key) {
  for (JsonMember& member : object.members) {
    if (member.key == key) return member.value;
  }
  JsonValue empty;
  empty.kind = JsonValue::Kind::kObject;
  object.members.push_back({std::string(key), 0, empty});
  return object.members.back().value;
}

}  // namespace

std::vector<std::string> apply_overrides(JsonValue& tree, const Settings& set,
                                         const std::vector<std::string>& keys,
                                         const std::filesystem::path& file, Problems& problems) {
  std::vector<std::string> others;
  for (const auto& [name, text] : set) {
    const std::string first = name.substr(0, name.find('.'));
    if (std::find(keys.begin(), keys.end(), first) == keys.end()) {
      others.push_back(name);
      continue;
    }
    JsonValue* at = &tree;
    bool reachable = true;
    for (size_t start = 0; start <= name.size() && reachable;) {
      const size_t end = std::min(name.find('.', start), name.size());
      reachable = at->is(JsonValue::Kind::kObject);
      if (reachable) at = &member_of(*at, std::string_view(name).substr(start, end - start));
      start = end + 1;
    }
    if (reachable) {
      *at = json_of(text);
    } else {
      problems.add(file, at->line, fmt::format("--set {}: {} is no object", name, kind_text(*at)));
    }
  }
  return others;
}

}  // namespace isomerge
