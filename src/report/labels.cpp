#include "report/labels.h"

#include <map>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "config/mask_rows.h"
#include "config/method_info.h"

namespace isomerge {
namespace {

// Name -> value of everything that is the same in all candidates of a row; "" where it varies.
std::map<std::string, std::string> fixed_settings(const Row& row) {
  std::map<std::string, std::set<std::string>> values;
  for (const Candidate& candidate : row.candidates) {
    for (const auto& [name, value] : candidate.options) values[name].insert(option_text(value));
    if (candidate.alpha) values["alpha"].insert(number_text(*candidate.alpha));
  }
  std::map<std::string, std::string> fixed;
  for (const auto& [name, texts] : values) fixed[name] = texts.size() == 1 ? *texts.begin() : "";
  if (needs_lambdas(row)) fixed["lambda"] = "by task";
  return fixed;
}

}  // namespace

std::vector<std::string> row_titles(const std::vector<Row>& rows) {
  // Per method and setting: the values that its rows have.
  std::map<std::string, std::map<std::string, std::set<std::string>>> seen;
  for (const Row& row : rows) {
    for (const auto& [name, text] : fixed_settings(row)) seen[row.method][name].insert(text);
  }
  std::vector<std::string> titles;
  for (const Row& row : rows) {
    std::vector<std::string> parts;
    for (const auto& [name, text] : fixed_settings(row)) {
      if (!text.empty() && seen[row.method][name].size() > 1) parts.push_back(name + " " + text);
    }
    const std::string& title = require_method_info(row.method).title;
    titles.push_back(parts.empty() ? title : fmt::format("{} ({})", title, join(parts, ", ")));
  }
  return titles;
}

std::string selected_text(const Row& row, const Candidate& chosen) {
  std::vector<std::string> parts;
  for (const auto& [name, text] : fixed_settings(row)) {
    if (text.empty() && name != "alpha") {
      parts.push_back(fmt::format("{}={}", name, option_text(chosen.options.at(name))));
    }
  }
  return join(parts, " ");
}

}  // namespace isomerge
