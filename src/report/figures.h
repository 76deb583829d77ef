// report/figures.h -- the figures that an experiment asks for, from its table and its records.
#pragma once

#include <optional>
#include <vector>

#include "config/figure_entry.h"
#include "report/figure.h"
#include "report/records.h"
#include "report/table.h"
#include "report/values.h"

namespace isomerge {

// One figure per entry of the experiment, in its order. An entry for which nothing is recorded yet
// is left out with a warning. Throws Error(kInput) if a file of values does not fit.
std::vector<Figure> build_figures(const Table& table, ExperimentRecords& records);

// One kind each: config/figure_entry.h says what they show. Nothing if there is nothing to show.
std::optional<Figure> sweep_figure(const FigureEntry& entry, const Table& table,
                                   ExperimentRecords& records);
std::optional<Figure> per_task_figure(const FigureEntry& entry, const Table& table,
                                      const ValueTable* values);  // null: of accuracies
std::optional<Figure> distribution_figure(const FigureEntry& entry, const Table& table);
std::optional<Figure> bars_figure(const FigureEntry& entry, const Table& table);
std::optional<Figure> scatter_figure(const FigureEntry& entry, const Table& table,
                                     const ValueTable& values);
std::optional<Figure> heat_map_figure(const FigureEntry& entry, const Table& table,
                                      const ValueTable& values);
std::optional<Figure> lines_figure(const FigureEntry& entry, const Table& table,
                                   const ValueTable& values);  // spectrum too

}  // namespace isomerge
