#include "config/grid.h"

#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {
namespace {

constexpr double kMaxValues = 10'000;
constexpr double kMaxWhole = 9e15;  // beyond, doubles skip whole numbers

double round_to_12_digits(double value) { return *parse_number(fmt::format("{:.12g}", value)); }

OptionValue whole_or_number(double value) {
  if (value == std::floor(value) && std::abs(value) < kMaxWhole) return static_cast<int64_t>(value);
  return value;
}

}  // namespace

std::vector<double> expand_range(const std::string& text) {
  const size_t first = text.find(':');
  const size_t second = first == std::string::npos ? first : text.find(':', first + 1);
  std::optional<double> start, end, step;
  if (second != std::string::npos) {
    start = parse_number(text.substr(0, first));
    end = parse_number(text.substr(first + 1, second - first - 1));
    step = parse_number(text.substr(second + 1));
  }
  if (!start || !end || !step) {
    throw input_error(fmt::format("range \"{}\": expected START:END:STEP", text));
  }
  if (!(*step > 0.0) || !(*end >= *start)) {
    throw input_error(fmt::format("range \"{}\": expected START <= END and a positive STEP", text));
  }
  // A little more than a whole number of steps is meant to reach the end: (1.0 - 0.1) / 0.1 < 9.
  const double steps = std::floor((*end - *start) / *step + 1e-9);
  if (!(steps < kMaxValues)) {
    throw input_error(fmt::format("range \"{}\": more than {} values", text, kMaxValues));
  }
  std::vector<double> values;
  for (size_t i = 0; i <= static_cast<size_t>(steps); ++i) {
    values.push_back(round_to_12_digits(*start + static_cast<double>(i) * *step));
  }
  return values;
}

std::vector<OptionValue> axis_values(const JsonValue& value, const std::string& name,
                                     const std::filesystem::path& file, Problems& problems) {
  std::vector<OptionValue> out;
  if (value.is(JsonValue::Kind::kList)) {
    for (const JsonValue& item : value.items) {
      if (item.is(JsonValue::Kind::kList)) {
        problems.add(file, item.line, fmt::format("\"{}\": a list inside a list", name));
        continue;
      }
      for (const OptionValue& one : axis_values(item, name, file, problems)) out.push_back(one);
    }
    if (value.items.empty())
      problems.add(file, value.line, fmt::format("\"{}\": empty list", name));
    return out;
  }
  if (value.is(JsonValue::Kind::kString) && value.text.find(':') != std::string::npos) {
    try {
      for (const double number : expand_range(value.text)) out.push_back(whole_or_number(number));
    } catch (const Error& error) {
      problems.add(file, value.line, fmt::format("\"{}\": {}", name, error.what()));
    }
    return out;
  }
  const std::optional<OptionValue> one = find_option_value(value);
  if (one) return {*one};
  problems.add(
      file, value.line,
      fmt::format("\"{}\": expected a value, a list or a range, got {}", name, kind_text(value)));
  return out;
}

GridAxis parse_axis(const std::string& text) {
  const size_t equals = text.find('=');
  GridAxis axis{text.substr(0, equals), {}};
  for (size_t from = equals; from != std::string::npos;) {
    const size_t comma = text.find(',', from + 1);
    const std::string part = text.substr(from + 1, comma - from - 1);
    from = comma;
    if (part.empty()) axis.name.clear();
    if (part.find(':') == std::string::npos) {
      axis.values.push_back(parse_option_value(part));
    } else {
      for (const double value : expand_range(part)) axis.values.push_back(whole_or_number(value));
    }
  }
  if (axis.name.empty() || axis.values.empty()) {
    throw input_error(
        fmt::format("grid \"{}\": expected NAME=VALUE,VALUE ... or NAME=START:END:STEP", text));
  }
  return axis;
}

std::vector<Options> multiply(const std::vector<GridAxis>& axes) {
  std::vector<Options> all = {{}};
  for (const GridAxis& axis : axes) {
    std::vector<Options> next;
    next.reserve(all.size() * axis.values.size());
    for (const Options& options : all) {
      for (const OptionValue& value : axis.values) {
        next.push_back(options);
        next.back()[axis.name] = value;
      }
    }
    all = std::move(next);
  }
  return all;
}

std::optional<double> number_of(const OptionValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return {};
}

}  // namespace isomerge
