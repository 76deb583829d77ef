#include "config/configuration.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "config/method_info.h"

namespace isomerge {

std::string configuration_text(const Configuration& configuration) {
  std::string text = configuration.method;
  const MethodInfo& method = require_method_info(configuration.method);
  for (const auto& [name, value] : naming_options(method, configuration.options)) {
    text += fmt::format("/{}={}", name, option_text(value));
  }
  if (configuration.alpha) text += "/alpha=" + number_text(*configuration.alpha);
  return text;
}

Configuration parse_configuration(std::string_view text) {
  Configuration out;
  Options given;
  size_t end = text.find('/');
  out.method = text.substr(0, end);
  const MethodInfo& method = require_method_info(out.method);
  while (end != std::string_view::npos) {
    const size_t start = end + 1;
    end = text.find('/', start);
    const std::string_view part = text.substr(start, end - start);  // npos - start: the rest
    const auto [name, value] = parse_option(part);
    if (!given.emplace(name, value).second) {
      throw input_error(fmt::format("configuration \"{}\": {} given twice", text, name));
    }
  }
  if (const auto alpha = given.extract("alpha"); !alpha.empty()) {
    out.alpha = parse_number(option_text(alpha.mapped()));
    if (!method.merges || !out.alpha) {
      throw input_error(
          fmt::format("configuration \"{}\": {}", text,
                      method.merges ? "alpha: expected a number" : method.name + " has no alpha"));
    }
  }
  out.options = resolve_options(method, given);
  return out;
}

}  // namespace isomerge
