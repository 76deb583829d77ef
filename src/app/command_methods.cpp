#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/text.h"
#include "config/method_info.h"

namespace isomerge {
namespace {

nlohmann::ordered_json method_json(const MethodInfo& method) {
  nlohmann::ordered_json options = nlohmann::ordered_json::array();
  for (const OptionInfo& option : method.options) {
    options.push_back({{"name", option.name},
                       {"default", option_text(option.default_value)},
                       {"help", option.help}});
  }
  nlohmann::ordered_json out = {{"name", method.name},       {"title", method.title},
                                {"formula", method.formula}, {"needs", method.needs},
                                {"source", method.source},   {"note", method.note},
                                {"merges", method.merges},   {"options", options}};
  if (method.default_alpha) out["default_alpha"] = *method.default_alpha;
  if (!method.alpha_grid.empty()) out["alpha_grid"] = method.alpha_grid;
  return out;
}

void print_method(const MethodInfo& method) {
  fmt::print("{} ({})\n  {}\n", method.title, method.name, method.formula);
  fmt::print("  needs   {}\n", method.needs);
  if (!method.source.empty()) fmt::print("  source  {}\n", method.source);
  if (!method.note.empty()) fmt::print("  note    {}\n", method.note);
  if (method.default_alpha) {
    fmt::print("  alpha   default {}{}\n", number_text(*method.default_alpha),
               method.alpha_grid.empty() ? "" : ", usual search " + method.alpha_grid);
  }
  for (const OptionInfo& option : method.options) {
    std::string values;
    if (!option.choices.empty()) values = "; one of " + join(option.choices, ", ");
    fmt::print("  option  {}={}  {}{}\n", option.name, option_text(option.default_value),
               option.help, values);
  }
}

}  // namespace

const CommandInfo& methods_info() {
  static const CommandInfo info{"methods",
                                "[NAME] [options]",
                                "explain the methods: formula, options, defaults, source",
                                "  isomerge methods iso_cts",
                                {{"json", "", "print them as JSON"}},
                                0,
                                1};
  return info;
}

int run_methods(const Arguments& arguments) {
  std::vector<MethodInfo> shown = method_infos();
  if (!arguments.operands().empty()) shown = {require_method_info(arguments.operands()[0])};
  if (arguments.has("json")) {
    nlohmann::ordered_json out = nlohmann::ordered_json::array();
    for (const MethodInfo& method : shown) out.push_back(method_json(method));
    fmt::print("{}\n", out.dump(2));
    return 0;
  }
  for (size_t i = 0; i < shown.size(); ++i) {
    if (i > 0) fmt::print("\n");
    print_method(shown[i]);
  }
  return 0;
}

}  // namespace isomerge
