#include "config/json_reader.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace isomerge {

std::string kind_text(const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::kNull:
      return "null";
    case JsonValue::Kind::kBool:
      return "true or false";
    case JsonValue::Kind::kInt:
      return "a whole number";
    case JsonValue::Kind::kDouble:
      return "a number";
    case JsonValue::Kind::kString:
      return "a text";
    case JsonValue::Kind::kList:
      return "a list";
    case JsonValue::Kind::kObject:
      return "an object";
  }
  return "";
}

ObjectReader::ObjectReader(const JsonValue& value, std::string what, std::filesystem::path file,
                           Problems& problems)
    : value_(value), what_(std::move(what)), file_(std::move(file)), problems_(problems) {
  if (!value.is(JsonValue::Kind::kObject)) {
    problem(value.line, fmt::format("{}: expected an object, got {}", what_, kind_text(value)));
  }
}

const JsonValue* ObjectReader::find(const std::string& key) {
  asked_.insert(key);
  for (const JsonMember& member : value_.members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

const JsonValue* ObjectReader::require(const std::string& key) {
  const JsonValue* found = find(key);
  if (found == nullptr && value_.is(JsonValue::Kind::kObject)) {
    problem(value_.line, fmt::format("{}: key \"{}\" is missing", what_, key));
  }
  return found;
}

const JsonValue* ObjectReader::of_kind(const std::string& key, const JsonValue* value,
                                       JsonValue::Kind kind, const std::string& expected) const {
  if (value == nullptr || value->is(kind)) return value;
  problem(value->line, fmt::format("\"{}\" in {}: expected {}, got {}", key, what_, expected,
                                   kind_text(*value)));
  return nullptr;
}

std::string ObjectReader::find_string(const std::string& key, const std::string& fallback) {
  const JsonValue* value = of_kind(key, find(key), JsonValue::Kind::kString, "a text");
  return value == nullptr ? fallback : value->text;
}

std::string ObjectReader::require_string(const std::string& key) {
  const JsonValue* value = of_kind(key, require(key), JsonValue::Kind::kString, "a text");
  if (value != nullptr && value->text.empty()) {
    problem(value->line, fmt::format("\"{}\" in {} is empty", key, what_));
  }
  return value == nullptr ? "" : value->text;
}

int64_t ObjectReader::find_int(const std::string& key, int64_t fallback, int64_t minimum) {
  const JsonValue* value = of_kind(key, find(key), JsonValue::Kind::kInt, "a whole number");
  if (value == nullptr) return fallback;
  if (value->integer < minimum) {
    problem(value->line, fmt::format("\"{}\" in {}: expected at least {}, got {}", key, what_,
                                     minimum, value->integer));
  }
  return value->integer;
}

std::optional<double> ObjectReader::find_number(const std::string& key) {
  const JsonValue* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_number()) {
    of_kind(key, value, JsonValue::Kind::kDouble, "a number");
    return {};
  }
  return value->number;
}

bool ObjectReader::find_bool(const std::string& key, bool fallback) {
  const JsonValue* value = of_kind(key, find(key), JsonValue::Kind::kBool, "true or false");
  return value == nullptr ? fallback : value->boolean;
}

std::string ObjectReader::find_choice(const std::string& key, const std::string& fallback,
                                      const std::vector<std::string>& choices) {
  const JsonValue* value = of_kind(key, find(key), JsonValue::Kind::kString, "a text");
  if (value == nullptr) return fallback;
  if (std::find(choices.begin(), choices.end(), value->text) != choices.end()) return value->text;
  problem(value->line,
          fmt::format("\"{}\" in {}: expected one of {}; got \"{}\"{}", key, what_,
                      join(choices, ", "), value->text, nearest_hint(value->text, choices)));
  return fallback;
}

std::vector<std::string> ObjectReader::find_strings(const std::string& key) {
  const JsonValue* value = find(key);
  std::vector<std::string> out;
  if (value == nullptr) return out;
  if (value->is(JsonValue::Kind::kString)) return {value->text};
  if (of_kind(key, value, JsonValue::Kind::kList, "a text or a list of texts") == nullptr)
    return out;
  for (const JsonValue& item : value->items) {
    if (of_kind(key, &item, JsonValue::Kind::kString, "texts") != nullptr) out.push_back(item.text);
  }
  return out;
}

void ObjectReader::finish() const {
  const std::vector<std::string> known(asked_.begin(), asked_.end());
  for (const JsonMember& member : value_.members) {
    if (asked_.count(member.key) != 0) continue;
    problem(member.line, fmt::format("unknown key \"{}\" in {}{}; known: {}", member.key, what_,
                                     nearest_hint(member.key, known), join(known, ", ")));
  }
}

}  // namespace isomerge
