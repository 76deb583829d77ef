// config/named_entries.h -- lists of an experiment file whose entries have a kind and a name.
#pragma once

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/json_reader.h"

namespace isomerge {

// Choices and what they are called in a file.
template <typename Value>
using ChoiceNames = std::vector<std::pair<Value, std::string>>;

template <typename Value>
std::vector<std::string> names_of(const ChoiceNames<Value>& choices) {
  std::vector<std::string> names;
  for (const auto& [value, name] : choices) names.push_back(name);
  return names;
}

// The name of a value and the value of a name; either has to be there.
template <typename Value>
const std::string& text_of(const ChoiceNames<Value>& choices, Value value) {
  return std::find_if(choices.begin(), choices.end(),
                      [&](const auto& choice) { return choice.first == value; })
      ->second;
}
template <typename Value>
Value value_of(const ChoiceNames<Value>& choices, const std::string& name) {
  return std::find_if(choices.begin(), choices.end(),
                      [&](const auto& choice) { return choice.second == name; })
      ->first;
}

// Every entry of the list `key`, or nothing if it is absent; read(item) gives an entry with a
// `name`. Names have to differ. plural: what the entries are called, "figures".
template <typename Read>
auto read_named_entries(const JsonValue* value, const std::string& plural,
                        const std::filesystem::path& file, Problems& problems, const Read& read) {
  std::vector<decltype(read(*value))> entries;
  if (value == nullptr) return entries;
  if (!value->is(JsonValue::Kind::kList)) {
    problems.add(file, value->line,
                 fmt::format("\"{}\": expected a list, got {}", plural, kind_text(*value)));
  }
  std::set<std::string> names;
  for (const JsonValue& item : value->items) {
    entries.push_back(read(item));
    if (!names.insert(entries.back().name).second) {
      problems.add(file, item.line,
                   fmt::format("two {} are called \"{}\"; give one a \"name\"", plural,
                               entries.back().name));
    }
  }
  return entries;
}

}  // namespace isomerge
