// config/figure_entry.h -- "figures" of an experiment file: which pictures its records are drawn
// as, and what they show.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/json_reader.h"
#include "config/variables.h"

namespace isomerge {

struct Experiment;

enum class FigureKind {
  kSweep,         // "sweep": y over an axis (alpha, an option, the number of tasks), a line each
  kPerTask,       // "per_task": a line of dots per task, a marker per method; or of `values`
  kDistribution,  // "distribution": over the tasks of each task set, a box per method
  kBars,          // "bars": the mean over the tasks of each task set, a bar per method
  kScatter,       // "scatter": y over x, a point per task and method
  kHeatMap,       // "heat_map": a matrix of values, printed
  kSpectrum,      // "spectrum": values over their index, a line each, its rank dashed
  kLines          // "lines": one column of values over another
};

enum class Quantity { kAccuracy, kNormalised, kNai };  // of one task; see metric/accuracy.h

// One entry of the list. What its kind has no use for keeps its default.
struct FigureEntry {
  FigureKind kind = FigureKind::kSweep;
  std::string name;   // of its files, unique in the experiment: [a-z0-9_]+; the kind if not given
  std::string title;  // above the figure; may be empty
  std::string x;      // sweep: "alpha", "tasks" or an option; scatter: a column of `values`
  Quantity y = Quantity::kAccuracy;
  bool is_mean = false;              // sweep: y is the mean over the tasks; else a panel per task
  bool has_task_lines = false;       // sweep: a line per task and a panel per method instead
  std::string split;                 // sweep: of y; empty: that on which its axis is chosen
  std::vector<std::string> methods;  // shown; empty: all that merge (per_task: all)
  bool shows_values = false;         // of an analysis or a file
  std::string analysis;              // whose values are shown; or:
  std::filesystem::path values;      // CSV with what is not in records (report/values.h)
  // lines, spectrum, per_task: columns of the values; `x` is another. Without a panel column one
  // panel.
  std::string value = "value", line = "line", panel = "panel";
};

std::string figure_kind_text(FigureKind kind);  // "sweep"
std::string quantity_text(Quantity quantity);   // "accuracy", "normalised accuracy", "nai"

// `value`: the list, or null. A figure can only show what is among the rows and the analyses of the
// experiment. Every key is checked against what the kind takes.
std::vector<FigureEntry> read_figures(const JsonValue* value, const Experiment& experiment,
                                      Problems& problems);

}  // namespace isomerge
