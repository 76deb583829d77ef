#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "report/cells.h"
#include "report/figure_parts.h"
#include "report/figures.h"
#include "report/sweep.h"

namespace isomerge {
namespace {

using Value = std::optional<double>;

// What a panel takes of a line: one of its tasks, or nothing for their mean.
using Part = std::optional<std::string>;

Value value_of(const SweepPoint& point, const Part& part) {
  if (!part) return point.mean;
  const auto found = point.by_task.find(*part);
  return found == point.by_task.end() ? Value{} : Value{found->second};
}

bool is_chosen(const SweepPoint& point, const SweepLine& line, const Part& part) {
  return part ? point.chosen_for.count(*part) != 0
              : point.chosen_for.size() == line.task_set.size();
}

// The points of a line whose value is known.
Series series_of(const SweepLine& line, const std::string& title, size_t place, const Part& part) {
  Series series{title, SeriesStyle::kLine, nth_look(place), {}};
  for (const SweepPoint& point : line.points) {
    const Value value = value_of(point, part);
    if (value) {
      series.points.push_back({point.x, *value, title, {}, is_chosen(point, line, part)});
    }
  }
  return series;
}

// Every line, and every method without the axis as a rule.
Panel panel_of(const Sweep& sweep, const std::string& title, const Part& part) {
  Panel panel;
  panel.title = title;
  for (size_t i = 0; i < sweep.lines.size(); ++i) {
    Series series = series_of(sweep.lines[i], sweep.lines[i].title, i, part);
    if (!series.points.empty()) panel.series.push_back(std::move(series));
  }
  for (size_t i = 0; i < sweep.references.size(); ++i) {
    const SweepLine& line = sweep.references[i];
    const Value value = value_of(line.points.front(), part);
    if (!value) continue;
    panel.rules.push_back({line.title, false, *value, nth_look(sweep.lines.size() + i)});
  }
  return panel;
}

std::vector<LegendEntry> method_legend(const Sweep& sweep) {
  std::vector<LegendEntry> legend;
  for (const SweepLine& line : sweep.lines) {
    legend.push_back({line.title, nth_look(legend.size()), LegendEntry::Sample::kLine});
  }
  for (const SweepLine& line : sweep.references) {
    legend.push_back({line.title, nth_look(legend.size()), LegendEntry::Sample::kRule});
  }
  return legend;
}

void add_task_lines(const Sweep& sweep, const Table& table, Figure& figure) {
  for (const SweepLine& line : sweep.lines) {
    Panel panel;
    panel.title = line.title;
    for (size_t t = 0; t < table.tasks.size(); ++t) {
      const std::string& task = table.tasks[t].task;
      Series series = series_of(line, table.tasks[t].title, t, task);
      if (!series.points.empty()) panel.series.push_back(std::move(series));
    }
    figure.panels.push_back(std::move(panel));
  }
  for (size_t t = 0; t < table.tasks.size(); ++t) {
    figure.legend.push_back({table.tasks[t].title, nth_look(t), LegendEntry::Sample::kLine});
  }
}

}  // namespace

std::optional<Figure> sweep_figure(const FigureEntry& entry, const Table& table,
                                   ExperimentRecords& records) {
  const Sweep sweep = find_sweep(entry, table, records);
  Figure figure = titled_figure(entry);
  if (entry.has_task_lines) {
    add_task_lines(sweep, table, figure);
  } else {
    if (!entry.is_mean) {
      for (const TableColumn& column : table.tasks) {
        figure.panels.push_back(panel_of(sweep, column.title, column.task));
      }
    }
    figure.panels.push_back(panel_of(sweep, entry.is_mean ? "" : "Mean", {}));
    figure.legend = method_legend(sweep);
  }
  figure.panels.erase(std::remove_if(figure.panels.begin(), figure.panels.end(),
                                     [](const Panel& panel) { return panel.series.empty(); }),
                      figure.panels.end());
  if (figure.panels.empty()) return {};
  figure.is_wide = figure.panels.size() > 1;
  for (Panel& panel : figure.panels) {
    if (figure.is_wide) panel.height = 95.0;
    panel.x.title = axis_title(entry.x);
    panel.y.title = quantity_title(entry.y, entry.is_mean);
    if (entry.x != "tasks") continue;
    for (const auto& set : task_sets(table)) {
      panel.x.names.emplace_back(static_cast<double>(set.size()), std::to_string(set.size()));
    }
  }
  figure.caption =
      fmt::format("{} over {}, {} split.{}{}", quantity_title(entry.y, entry.is_mean),
                  axis_title(entry.x), split_text(sweep.split),
                  entry.x == "tasks" ? ""
                                     : fmt::format(" Large markers: what the {} split chooses.",
                                                   split_text(records.experiment().select.split)),
                  sweep.references.empty() ? "" : " Dashed: methods that have no such option.");
  return figure;
}

}  // namespace isomerge
