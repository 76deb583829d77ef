#include "config/figure_entry.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "config/experiment.h"
#include "config/method_info.h"
#include "config/named_entries.h"
#include "config/recipe.h"

namespace isomerge {
namespace {

const ChoiceNames<FigureKind> kKinds = {{FigureKind::kSweep, "sweep"},
                                        {FigureKind::kPerTask, "per_task"},
                                        {FigureKind::kDistribution, "distribution"},
                                        {FigureKind::kBars, "bars"},
                                        {FigureKind::kScatter, "scatter"},
                                        {FigureKind::kHeatMap, "heat_map"},
                                        {FigureKind::kSpectrum, "spectrum"},
                                        {FigureKind::kLines, "lines"}};

const ChoiceNames<Quantity> kQuantities = {{Quantity::kAccuracy, "accuracy"},
                                           {Quantity::kNormalised, "normalised accuracy"},
                                           {Quantity::kNai, "nai"}};

const std::string kMean = "mean ";

// "accuracy" and its sisters, with "mean " before them.
std::vector<std::string> quantity_names(const std::string& before) {
  std::vector<std::string> names;
  for (const auto& [quantity, text] : kQuantities) names.push_back(before + text);
  return names;
}

void read_quantity(ObjectReader& reader, const std::string& fallback,
                   const std::vector<std::string>& choices, FigureEntry& entry) {
  const std::string text = reader.find_choice("y", fallback, choices);
  entry.is_mean = text.starts_with(kMean);
  entry.y = value_of(kQuantities, entry.is_mean ? text.substr(kMean.size()) : text);
}

void read_sweep(ObjectReader& reader, const std::vector<Row>& rows, FigureEntry& entry) {
  std::vector<std::string> choices = quantity_names("");
  for (const std::string& name : quantity_names(kMean)) choices.push_back(name);
  read_quantity(reader, "mean normalised accuracy", choices, entry);
  entry.split = reader.find_choice("split", "", {"val", "test"});
  entry.has_task_lines = reader.find_choice("lines", "methods", {"methods", "tasks"}) == "tasks";
  if (entry.has_task_lines && entry.is_mean) {
    reader.problem(reader.find("lines")->line,
                   "\"lines\": a line per task needs a \"y\" without \"mean\"");
  }
  entry.x = reader.require_string("x");
  std::set<std::string> names = {"alpha", "tasks"};
  for (const Row& row : rows) {
    for (const OptionInfo& option : require_method_info(row.method).options) {
      names.insert(option.name);
    }
  }
  const std::vector<std::string> known(names.begin(), names.end());
  if (!entry.x.empty() && names.count(entry.x) == 0) {
    reader.problem(reader.find("x")->line,
                   fmt::format("unknown axis \"{}\"{}; known: {}", entry.x,
                               nearest_hint(entry.x, known), join(known, ", ")));
  }
}

void read_methods(ObjectReader& reader, const std::vector<Row>& rows, FigureEntry& entry) {
  entry.methods = reader.find_strings("methods");
  std::vector<std::string> known;
  for (const Row& row : rows) {
    if (std::find(known.begin(), known.end(), row.method) == known.end()) {
      known.push_back(row.method);
    }
  }
  for (const std::string& name : entry.methods) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    reader.problem(reader.find("methods")->line,
                   fmt::format("\"methods\": \"{}\" is not among those of this experiment{}; they "
                               "are {}",
                               name, nearest_hint(name, known), join(known, ", ")));
  }
}

// The name of an analysis, or the path of a file.
void require_values(ObjectReader& reader, const Experiment& experiment, Problems& problems,
                    FigureEntry& entry) {
  const std::string text = reader.require_string("values");
  if (text.empty()) return;
  const bool is_analysis =
      std::any_of(experiment.analyses.begin(), experiment.analyses.end(),
                  [&](const AnalysisEntry& analysis) { return analysis.name == text; });
  if (is_analysis) {
    entry.analysis = text;
    return;
  }
  entry.values =
      resolve_path(text, reader.file(), reader.find("values")->line, Files::kMustExist, problems);
}

void read_values(ObjectReader& reader, const Experiment& experiment, Problems& problems,
                 FigureEntry& entry) {
  require_values(reader, experiment, problems, entry);
  entry.shows_values = true;
  if (entry.kind == FigureKind::kPerTask) entry.value = reader.require_string("y");
  if (entry.kind == FigureKind::kHeatMap || entry.kind == FigureKind::kPerTask) return;
  entry.x = entry.kind == FigureKind::kSpectrum ? "index" : reader.require_string("x");
  if (entry.kind == FigureKind::kScatter) return;
  if (entry.kind == FigureKind::kLines) entry.value = reader.require_string("y");
  entry.line = reader.find_string("line", entry.line);
  entry.panel = reader.find_string("panel", entry.panel);
}

FigureEntry read_figure(const JsonValue& value, const Experiment& experiment, Problems& problems) {
  ObjectReader reader(value, "a figure", experiment.path, problems);
  FigureEntry entry;
  if (reader.require("figure") != nullptr) {
    entry.kind = value_of(kKinds, reader.find_choice("figure", "per_task", names_of(kKinds)));
  }
  entry.name = reader.find_string("name", figure_kind_text(entry.kind));
  entry.title = reader.find_string("title", "");
  if (!is_task_name(entry.name)) {
    reader.problem(value.line, fmt::format("figure \"{}\": expected [a-z0-9_]+", entry.name));
  }
  bool has_values = false, has_rows = true;
  switch (entry.kind) {
    case FigureKind::kSweep:
      read_sweep(reader, experiment.rows, entry);
      break;
    case FigureKind::kBars:
      read_quantity(reader, "mean accuracy", quantity_names(kMean), entry);
      break;
    case FigureKind::kPerTask:
      has_values = reader.find("values") != nullptr;
      if (!has_values) read_quantity(reader, "accuracy", quantity_names(""), entry);
      break;
    case FigureKind::kDistribution:
      read_quantity(reader, "accuracy", quantity_names(""), entry);
      break;
    case FigureKind::kScatter:
      read_quantity(reader, "nai", quantity_names(""), entry);
      has_values = true;
      break;
    case FigureKind::kHeatMap:
    case FigureKind::kSpectrum:
    case FigureKind::kLines:
      has_values = true;
      has_rows = false;
      break;
  }
  if (has_values) read_values(reader, experiment, problems, entry);
  if (has_rows) read_methods(reader, experiment.rows, entry);
  reader.finish();
  return entry;
}

}  // namespace

std::string figure_kind_text(FigureKind kind) { return text_of(kKinds, kind); }
std::string quantity_text(Quantity quantity) { return text_of(kQuantities, quantity); }

std::vector<FigureEntry> read_figures(const JsonValue* value, const Experiment& experiment,
                                      Problems& problems) {
  return read_named_entries(
      value, "figures", experiment.path, problems,
      [&](const JsonValue& item) { return read_figure(item, experiment, problems); });
}

}  // namespace isomerge
