// Figures of the accuracies per task: per_task, distribution, bars.
#include <algorithm>

#include <fmt/format.h>

#include "report/cells.h"
#include "report/figure_parts.h"
#include "report/figures.h"

namespace isomerge {
namespace {

// Where the boxes or bars of `count` titles stand around each task set's place.
double offset(size_t title, size_t count) {
  constexpr double kGroup = 0.84;  // of the distance between two task sets
  return (static_cast<double>(title) + 0.5) * kGroup / static_cast<double>(count) - kGroup / 2.0;
}

double slot(size_t count) { return 0.78 / static_cast<double>(count); }

// The x axis of task sets: one place each.
Axis task_set_axis(const Table& table, const std::vector<std::vector<std::string>>& sets) {
  Axis axis;
  axis.low = -0.5;
  axis.high = static_cast<double>(sets.size()) - 0.5;
  const std::vector<std::string> titles = task_set_titles(table, sets);
  for (size_t i = 0; i < titles.size(); ++i) {
    axis.names.emplace_back(static_cast<double>(i), titles[i]);
  }
  return axis;
}

// Rows by task set, each title with the look of its place. `add` fills the points of one row.
template <typename Add>
std::optional<Figure> grouped_figure(const FigureEntry& entry, const Table& table,
                                     SeriesStyle style, const Add& add) {
  const auto rows = shown_rows(entry, table, Trivial::kHidden);
  const std::vector<std::string> titles = distinct_titles(rows);
  const auto sets = task_sets(table);
  Figure figure = titled_figure(entry);
  Panel panel;
  panel.x = task_set_axis(table, sets);
  panel.y.title = quantity_title(entry.y, entry.is_mean);
  panel.bar_width = slot(titles.size());
  bool is_empty = true;
  for (size_t i = 0; i < titles.size(); ++i) {
    Series series{titles[i], style, nth_look(i), {}};
    for (const TableRow* row : rows) {
      if (row->title != titles[i]) continue;
      const auto at = std::find(sets.begin(), sets.end(), task_set(*row)) - sets.begin();
      add(*row, static_cast<double>(at) + offset(i, titles.size()), series);
    }
    is_empty = is_empty && series.points.empty();
    panel.series.push_back(std::move(series));
  }
  if (is_empty) return {};
  figure.panels = {panel};
  figure.legend = legend_of(titles, LegendEntry::Sample::kBlock);
  figure.is_wide = titles.size() * sets.size() > 14;
  return figure;
}

// A panel with a line per task, the first at the top.
Panel task_panel(const std::vector<std::string>& set, const Table& table) {
  Panel panel;
  panel.y.low = 0.5 - static_cast<double>(set.size());
  panel.y.high = 0.5;
  for (size_t i = 0; i < set.size(); ++i) {
    panel.y.names.emplace_back(-static_cast<double>(i), task_title(table, set[i]));
  }
  return panel;
}

}  // namespace

std::optional<Figure> per_task_figure(const FigureEntry& entry, const Table& table,
                                      const ValueTable* values) {
  constexpr double kLine = 16.0;   // height of a task's line
  constexpr double kSpread = 0.7;  // of it, over which the methods stand
  const auto rows = shown_rows(entry, table, Trivial::kShown);
  const std::vector<std::string> titles = distinct_titles(rows);
  const auto sets = task_sets(table);
  const std::vector<std::string> set_titles = task_set_titles(table, sets);
  const size_t column = values == nullptr ? 0 : values->require_column(entry.value);
  const std::string quantity =
      values == nullptr ? quantity_title(entry.y, false) : axis_title(entry.value);
  Figure figure = titled_figure(entry);
  for (size_t s = 0; s < sets.size(); ++s) {
    Panel panel = task_panel(sets[s], table);
    panel.height = kLine * static_cast<double>(sets[s].size());
    panel.title = sets.size() > 1 ? set_titles[s] : "";
    panel.x.title = quantity;
    for (const TableRow* row : rows) {
      if (task_set(*row) != sets[s]) continue;
      const size_t place = place_of(titles, row->title);
      const double lower =
          ((static_cast<double>(place) + 0.5) / static_cast<double>(titles.size()) - 0.5) * kSpread;
      Series series{row->title, SeriesStyle::kPoints, nth_look(place), {}};
      for (size_t i = 0; i < row->cells.size(); ++i) {
        const TaskCell& cell = row->cells[i];
        const std::optional<double> value = values == nullptr
                                                ? cell_value(cell, entry.y)
                                                : task_value(*values, column, *row, cell.task);
        if (!value) continue;
        series.points.push_back({*value, -static_cast<double>(i) - lower,
                                 fmt::format("{}, {}", task_title(table, cell.task), row->title)});
      }
      if (!series.points.empty()) panel.series.push_back(std::move(series));
    }
    if (panel.series.empty()) continue;
    figure.panels.push_back(std::move(panel));
  }
  if (figure.panels.empty()) return {};
  figure.legend = legend_of(titles, LegendEntry::Sample::kPoint);
  figure.caption = fmt::format("{} of each task, {} split.", quantity, split_text(table.split));
  return figure;
}

std::optional<Figure> distribution_figure(const FigureEntry& entry, const Table& table) {
  const auto add = [&](const TableRow& row, double x, Series& series) {
    for (const TaskCell& cell : row.cells) {
      const std::optional<double> value = cell_value(cell, entry.y);
      if (!value) continue;
      series.points.push_back(
          {x, *value, fmt::format("{}, {}", task_title(table, cell.task), row.title)});
    }
  };
  auto figure = grouped_figure(entry, table, SeriesStyle::kBox, add);
  if (figure) {
    figure->caption = fmt::format(
        "{} of the tasks, {} split. Boxes from the lower to the upper quartile with the median, "
        "whiskers to the ends, a dot per task.",
        quantity_title(entry.y, false), split_text(table.split));
  }
  return figure;
}

std::optional<Figure> bars_figure(const FigureEntry& entry, const Table& table) {
  const auto add = [&](const TableRow& row, double x, Series& series) {
    const std::optional<double> value = row_value(row, entry.y);
    if (!value) return;
    FigurePoint point{x, *value, fmt::format("{}, {} tasks", row.title, row.cells.size())};
    if (entry.y == Quantity::kAccuracy && row.interval) {
      const double scale = quantity_scale(entry.y);
      point.range = Interval{row.interval->low * scale, row.interval->high * scale};
    }
    series.points.push_back(std::move(point));
  };
  auto figure = grouped_figure(entry, table, SeriesStyle::kBars, add);
  if (figure) {
    Axis& axis = figure->panels.front().y;
    axis.low = 0.0;
    for (const Series& series : figure->panels.front().series) {
      for (const FigurePoint& point : series.points) {
        if (point.y < 0.0) axis.low = {};
      }
    }
    figure->caption = fmt::format(
        "{} over the tasks, {} split.{}", quantity_title(entry.y, true), split_text(table.split),
        entry.y == Quantity::kAccuracy ? " Whiskers: 95 % intervals over the examples." : "");
  }
  return figure;
}

}  // namespace isomerge
