#include "config/method_info.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "config/method_table.h"

namespace isomerge {
namespace {

std::string expected_text(const OptionInfo& option) {
  switch (option.type) {
    case OptionType::kBool:
      return "true or false";
    case OptionType::kChoice:
      return "one of " + join(option.choices, ", ");
    case OptionType::kText:
      return "a text";
    case OptionType::kInt:
    case OptionType::kDouble:
      break;
  }
  return fmt::format("{} in [{}, {}]",
                     option.type == OptionType::kInt ? "a whole number" : "a number",
                     number_text(option.minimum), number_text(option.maximum));
}

// Whether the value has the option's type and lies in its range.
bool fits(const OptionInfo& option, const OptionValue& value) {
  const auto in_range = [&](double x) { return x >= option.minimum && x <= option.maximum; };
  const auto* integer = std::get_if<int64_t>(&value);
  const auto* number = std::get_if<double>(&value);
  switch (option.type) {
    case OptionType::kBool:
      return std::holds_alternative<bool>(value);
    case OptionType::kInt:
      return integer != nullptr && in_range(static_cast<double>(*integer));
    case OptionType::kDouble:
      if (integer != nullptr) return in_range(static_cast<double>(*integer));
      return number != nullptr && in_range(*number);
    case OptionType::kText:
      return std::holds_alternative<std::string>(value);
    case OptionType::kChoice:
      break;
  }
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr &&
         std::find(option.choices.begin(), option.choices.end(), *text) != option.choices.end();
}

}  // namespace

const std::vector<MethodInfo>& method_infos() {
  static const std::vector<MethodInfo> infos = make_method_table();
  return infos;
}

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const MethodInfo& info : method_infos()) names.push_back(info.name);
  return names;
}

std::vector<std::string> merging_method_names() {
  std::vector<std::string> names;
  for (const MethodInfo& info : method_infos()) {
    if (info.merges) names.push_back(info.name);
  }
  return names;
}

const MethodInfo& require_method_info(const std::string& name) {
  for (const MethodInfo& info : method_infos()) {
    if (info.name == name) return info;
  }
  throw input_error(fmt::format("unknown method \"{}\"{}; known: {}", name,
                                nearest_hint(name, method_names()), join(method_names(), ", ")));
}

std::optional<std::string> find_option_problem(const MethodInfo& method, const std::string& name,
                                               const OptionValue& value) {
  std::vector<std::string> known;
  for (const OptionInfo& option : method.options) {
    known.push_back(option.name);
    if (option.name != name) continue;
    if (fits(option, value)) return {};
    return fmt::format("option \"{}\" of method {}: expected {}, got {}", name, method.name,
                       expected_text(option), option_text(value));
  }
  return fmt::format("unknown option \"{}\" of method {}{}; {}", name, method.name,
                     nearest_hint(name, known),
                     known.empty() ? "it has none" : "known: " + join(known, ", "));
}

std::optional<std::string> find_count_problem(const MethodInfo& method, const Options& options,
                                              size_t experts) {
  if (experts == 2) return {};
  for (const OptionInfo& option : method.options) {
    const auto given = options.find(option.name);
    if (!option.is_of_two || given == options.end() || given->second == option.default_value) {
      continue;
    }
    return fmt::format("option \"{}\" of method {}: {} needs two experts, got {}", option.name,
                       method.name, option_text(given->second), experts);
  }
  return {};
}

Options naming_options(const MethodInfo& method, Options options) {
  for (const OptionInfo& option : method.options) {
    const auto found = options.find(option.name);
    if (option.came_later && found != options.end() && found->second == option.default_value) {
      options.erase(found);
    }
  }
  return options;
}

Options resolve_options(const MethodInfo& method, const Options& given) {
  std::vector<std::string> problems;
  for (const auto& [name, value] : given) {
    const auto problem = find_option_problem(method, name, value);
    if (problem) problems.push_back(*problem);
  }
  if (!problems.empty()) throw input_error(join(problems, "\n  "));
  Options out;
  for (const OptionInfo& option : method.options) {
    const auto found = given.find(option.name);
    OptionValue value = found == given.end() ? option.default_value : found->second;
    const auto* integer = std::get_if<int64_t>(&value);
    if (option.type == OptionType::kDouble && integer != nullptr) {
      value = static_cast<double>(*integer);
    }
    out[option.name] = value;
  }
  return out;
}

}  // namespace isomerge
