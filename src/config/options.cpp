#include "config/options.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {
namespace {

struct Printer {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return number_text(value); }
  std::string operator()(const std::string& value) const { return value; }
};

}  // namespace

std::string option_text(const OptionValue& value) { return std::visit(Printer(), value); }

OptionValue parse_option_value(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  int64_t integer = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, integer);
  if (result.ec == std::errc() && result.ptr == end) return integer;
  if (const std::optional<double> number = parse_number(text)) return *number;
  return std::string(text);
}

std::pair<std::string, OptionValue> parse_option(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw input_error(fmt::format("option \"{}\": expected NAME=VALUE", text));
  }
  return {std::string(text.substr(0, equals)), parse_option_value(text.substr(equals + 1))};
}

std::optional<OptionValue> find_option_value(const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::kBool:
      return value.boolean;
    case JsonValue::Kind::kInt:
      return value.integer;
    case JsonValue::Kind::kDouble:
      return value.number;
    case JsonValue::Kind::kString:
      return value.text;
    case JsonValue::Kind::kNull:
    case JsonValue::Kind::kList:
    case JsonValue::Kind::kObject:
      break;
  }
  return {};
}

}  // namespace isomerge
