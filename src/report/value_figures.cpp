// Figures of values that no record holds: scatter, heat_map, spectrum.
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "metric/correlation.h"
#include "report/cells.h"
#include "report/figure_parts.h"
#include "report/figures.h"
#include "report/values.h"

namespace isomerge {
namespace {

// The value of a row on a task: the first line that fits.
std::optional<double> find_value(const ValueTable& values, size_t column, const TableRow& row,
                                 const std::string& task) {
  const size_t method = values.require_column("method"), tasks = values.require_column("task");
  const std::optional<size_t> count = values.find_column("tasks");
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string& name = values.text(i, method);
    const bool fits = (name == row.method || name == row.title) && values.text(i, tasks) == task &&
                      (!count || values.number(i, *count) == static_cast<double>(row.cells.size()));
    if (fits) return values.number(i, column);
  }
  return {};
}

// "0.94 [0.72, 0.99]".
std::string correlation_text(const std::vector<double>& x, const std::vector<double>& y,
                             Correlation correlation) {
  const std::optional<double> value = correlation(x, y);
  if (!value) return "not defined";
  const std::optional<Interval> interval = correlation_interval(x, y, correlation);
  if (!interval) return fmt::format("{:.2f}", *value);
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", *value, interval->low, interval->high);
}

// What a column says, each text once.
std::vector<std::string> distinct_texts(const ValueTable& values, size_t column) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < values.size(); ++i) {
    if (place_of(texts, values.text(i, column)) == texts.size()) {
      texts.push_back(values.text(i, column));
    }
  }
  return texts;
}

Panel spectrum_panel(const ValueTable& values, const std::string& title,
                     const std::vector<std::string>& lines) {
  const std::optional<size_t> panels = values.find_column("panel"),
                              ranks = values.find_column("rank");
  const size_t line = values.require_column("line"), index = values.require_column("index"),
               value = values.require_column("value");
  Panel panel;
  panel.title = title;
  panel.x.title = "Index";
  panel.y.title = "Singular value";
  for (size_t l = 0; l < lines.size(); ++l) {
    Series series{lines[l], SeriesStyle::kLine, nth_look(l), {}};
    std::optional<double> rank;
    for (size_t i = 0; i < values.size(); ++i) {
      if (values.text(i, line) != lines[l]) continue;
      if (panels && values.text(i, *panels) != title) continue;
      series.points.push_back({values.number(i, index), values.number(i, value), lines[l]});
      if (ranks && !values.text(i, *ranks).empty()) rank = values.number(i, *ranks);
    }
    if (rank) panel.rules.push_back({lines[l] + ", rank", true, *rank, nth_look(l)});
    if (!series.points.empty()) panel.series.push_back(std::move(series));
  }
  return panel;
}

}  // namespace

std::optional<Figure> scatter_figure(const FigureEntry& entry, const Table& table) {
  const ValueTable values(entry.values);
  const size_t column = values.require_column(entry.x);
  const auto rows = shown_rows(entry, table, Trivial::kHidden);
  const std::vector<std::string> titles = distinct_titles(rows);
  Figure figure = titled_figure(entry);
  Panel panel;
  panel.height = 150.0;
  panel.x.title = entry.x;
  panel.y.title = quantity_title(entry.y, false);
  std::vector<std::string> correlations;
  std::vector<bool> is_drawn(table.tasks.size(), false);
  for (const TableRow* row : rows) {
    std::vector<double> xs, ys;
    for (size_t t = 0; t < table.tasks.size(); ++t) {
      for (const TaskCell& cell : row->cells) {
        if (cell.task != table.tasks[t].task) continue;
        const auto x = find_value(values, column, *row, cell.task), y = cell_value(cell, entry.y);
        if (!x || !y) continue;
        // One marker shape per method, one colour per task.
        Look look = nth_look(t);
        look.shape = place_of(titles, row->title);
        const std::string label = fmt::format("{}, {}", table.tasks[t].title, row->title);
        panel.series.push_back({label, SeriesStyle::kPoints, look, {{*x, *y, label}}});
        xs.push_back(*x);
        ys.push_back(*y);
        is_drawn[t] = true;
      }
    }
    if (xs.empty()) continue;
    const std::string pearson_text = correlation_text(xs, ys, pearson);
    Look look;
    look.shape = place_of(titles, row->title);
    look.colour = 6;  // black: colours are for tasks
    figure.legend.push_back(
        {fmt::format("{}, r = {}", row->title, pearson_text), look, LegendEntry::Sample::kPoint});
    correlations.push_back(fmt::format("{}: Pearson {}, Spearman {}", row->title, pearson_text,
                                       correlation_text(xs, ys, spearman)));
  }
  if (panel.series.empty()) return {};
  for (size_t t = 0; t < table.tasks.size(); ++t) {
    if (!is_drawn[t]) continue;
    Look look = nth_look(t);
    look.shape = 0;
    figure.legend.push_back({table.tasks[t].title, look, LegendEntry::Sample::kPoint, 1});
  }
  figure.panels = {panel};
  figure.caption = fmt::format(
      "{} over {}, a point per task, {} split. Correlations with 95 % bootstrap intervals over the "
      "tasks: {}.",
      panel.y.title, entry.x, split_text(table.split), join(correlations, "; "));
  return figure;
}

std::optional<Figure> heat_map_figure(const FigureEntry& entry) {
  const ValueTable values(entry.values);
  if (values.columns().size() < 2) {
    throw input_error(fmt::format("{}: expected a column of names and columns of numbers",
                                  entry.values.string()));
  }
  HeatMap map;
  map.columns.assign(values.columns().begin() + 1, values.columns().end());
  for (size_t i = 0; i < values.size(); ++i) {
    map.rows.push_back(values.text(i, 0));
    map.values.emplace_back();
    for (size_t c = 1; c < values.columns().size(); ++c) {
      map.values.back().push_back(values.number(i, c));
    }
  }
  Figure figure = titled_figure(entry);
  figure.is_wide = map.columns.size() > 10;
  if (map.rows == map.columns) figure.caption = "Colours span the values off the diagonal.";
  Panel panel;
  panel.height = (figure.is_wide ? 18.0 : 17.0) * static_cast<double>(map.rows.size());
  panel.heat_map = std::move(map);
  figure.panels = {panel};
  return figure;
}

std::optional<Figure> spectrum_figure(const FigureEntry& entry) {
  const ValueTable values(entry.values);
  const std::vector<std::string> lines = distinct_texts(values, values.require_column("line"));
  const std::optional<size_t> panels = values.find_column("panel");
  Figure figure = titled_figure(entry);
  for (const std::string& title :
       panels ? distinct_texts(values, *panels) : std::vector<std::string>{""}) {
    figure.panels.push_back(spectrum_panel(values, title, lines));
  }
  figure.legend = legend_of(lines, LegendEntry::Sample::kLine);
  figure.is_wide = figure.panels.size() > 1;
  for (Panel& panel : figure.panels) panel.height = figure.is_wide ? 95.0 : 120.0;
  figure.caption = "Singular values in descending order.";
  if (values.find_column("rank")) figure.caption += " Dashed: the energy rank of the same colour.";
  return figure;
}

}  // namespace isomerge
