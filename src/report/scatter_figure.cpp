// Records over values that no record holds: scatter.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "metric/correlation.h"
#include "report/cells.h"
#include "report/figure_parts.h"
#include "report/figures.h"
#include "report/values.h"

namespace isomerge {
namespace {

constexpr size_t kBlack = 6;  // of the palette: colours are for tasks

// "0.94 [0.72, 0.99]".
std::string correlation_text(const std::vector<double>& x, const std::vector<double>& y,
                             Correlation correlation) {
  const std::optional<double> value = correlation(x, y);
  if (!value) return "not defined";
  const std::optional<Interval> interval = correlation_interval(x, y, correlation);
  if (!interval) return fmt::format("{:.2f}", *value);
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", *value, interval->low, interval->high);
}

// The points of one row, a series each: one marker shape per method, one colour per task.
std::vector<Series> row_points(const FigureEntry& entry, const Table& table, const TableRow& row,
                               size_t shape, const ValueTable& values) {
  const size_t column = values.require_column(entry.x);
  std::vector<Series> points;
  for (size_t t = 0; t < table.tasks.size(); ++t) {
    for (const TaskCell& cell : row.cells) {
      if (cell.task != table.tasks[t].task) continue;
      const auto x = task_value(values, column, row, cell.task), y = cell_value(cell, entry.y);
      if (!x || !y) continue;
      Look look = nth_look(t);
      look.shape = shape;
      const std::string label = fmt::format("{}, {}", table.tasks[t].title, row.title);
      points.push_back({label, SeriesStyle::kPoints, look, {{*x, *y, label}}});
    }
  }
  return points;
}

std::string correlation_of(const std::vector<Series>& points, Correlation correlation) {
  std::vector<double> xs, ys;
  for (const Series& series : points) {
    xs.push_back(series.points.front().x);
    ys.push_back(series.points.front().y);
  }
  return correlation_text(xs, ys, correlation);
}

// The tasks of which there is a point, below the methods.
void add_task_legend(const Table& table, Figure& figure) {
  for (size_t t = 0; t < table.tasks.size(); ++t) {
    const auto is_of_task = [&](const Series& series) { return series.look.colour == t; };
    const bool has_point =
        std::any_of(figure.panels.begin(), figure.panels.end(), [&](const Panel& panel) {
          return std::any_of(panel.series.begin(), panel.series.end(), is_of_task);
        });
    if (!has_point) continue;
    Look look = nth_look(t);
    look.shape = 0;
    figure.legend.push_back({table.tasks[t].title, look, LegendEntry::Sample::kPoint, 1});
  }
}

}  // namespace

// A panel per task set: a task may be in several.
std::optional<Figure> scatter_figure(const FigureEntry& entry, const Table& table,
                                     const ValueTable& values) {
  const auto rows = shown_rows(entry, table, Trivial::kHidden);
  const std::vector<std::string> titles = distinct_titles(rows);
  const auto sets = task_sets(table);
  const std::vector<std::string> set_titles = task_set_titles(table, sets);
  Figure figure = titled_figure(entry);
  std::vector<std::string> correlations, in_legend;
  for (size_t s = 0; s < sets.size(); ++s) {
    Panel panel;
    panel.title = sets.size() > 1 ? set_titles[s] : "";
    panel.height = 150.0;
    panel.x.title = axis_title(entry.x);
    panel.y.title = quantity_title(entry.y, false);
    for (const TableRow* row : rows) {
      if (task_set(*row) != sets[s]) continue;
      const size_t shape = place_of(titles, row->title);
      const std::vector<Series> points = row_points(entry, table, *row, shape, values);
      if (points.empty()) continue;
      panel.series.insert(panel.series.end(), points.begin(), points.end());
      const std::string product_moment = correlation_of(points, pearson);
      const std::string where = sets.size() > 1 ? ", " + set_titles[s] : "";
      correlations.push_back(fmt::format("{}{}: Pearson {}, Spearman {}", row->title, where,
                                         product_moment, correlation_of(points, spearman)));
      if (place_of(in_legend, row->title) < in_legend.size()) continue;
      in_legend.push_back(row->title);
      figure.legend.push_back(
          {sets.size() > 1 ? row->title : fmt::format("{}, r = {}", row->title, product_moment),
           {kBlack, shape},
           LegendEntry::Sample::kPoint});
    }
    if (!panel.series.empty()) figure.panels.push_back(std::move(panel));
  }
  if (figure.panels.empty()) return {};
  figure.is_wide = figure.panels.size() > 1;
  add_task_legend(table, figure);
  figure.caption = fmt::format(
      "{} over {}, a point per task, {} split. Correlations with 95 % bootstrap intervals over the "
      "tasks: {}.",
      quantity_title(entry.y, false), axis_title(entry.x), split_text(table.split),
      join(correlations, "; "));
  return figure;
}

}  // namespace isomerge
