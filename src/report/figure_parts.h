// report/figure_parts.h -- what the figures of a table have in common.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/figure_entry.h"
#include "report/figure.h"
#include "report/table.h"
#include "report/values.h"

namespace isomerge {

// "Accuracy (%)", "Normalised accuracy (%)", "NAI"; after "Mean " in lower case where it is one.
std::string quantity_title(Quantity quantity, bool is_mean);

// What an axis over an option or a column of values is called: "SAR" for "sar", "common fraction".
std::string axis_title(const std::string& column);

// How many units of the axis are 1: 100 for percent.
double quantity_scale(Quantity quantity);

// In units of the axis; nothing where it is not known.
std::optional<double> cell_value(const TaskCell& cell, Quantity quantity);
std::optional<double> row_value(const TableRow& row, Quantity quantity);

// The number in a column of `values` for a row and a task: the first line that fits by its columns
// "method" (or title), "task" and, if there is one, "tasks".
std::optional<double> task_value(const ValueTable& values, size_t column, const TableRow& row,
                                 const std::string& task);

// The rows that the entry names, in the table's order; without names all, or all that merge.
enum class Trivial { kShown, kHidden };
std::vector<const TableRow*> shown_rows(const FigureEntry& entry, const Table& table,
                                        Trivial trivial);

// The titles of rows, each once, in their order: a title has one look in the whole figure.
std::vector<std::string> distinct_titles(const std::vector<const TableRow*>& rows);
size_t place_of(const std::vector<std::string>& titles, const std::string& title);

std::vector<LegendEntry> legend_of(const std::vector<std::string>& titles,
                                   LegendEntry::Sample sample);

// An empty figure with the entry's title.
Figure titled_figure(const FigureEntry& entry);

}  // namespace isomerge
