// Figures of values that are no accuracies: heat_map, lines, spectrum.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "report/cells.h"
#include "report/figure_parts.h"
#include "report/figures.h"
#include "report/values.h"

namespace isomerge {
namespace {

// A cell as a reader wants it: a task by its title.
std::string shown(const ValueTable& values, size_t line, size_t column, const Table& table) {
  const std::string& text = values.text(line, column);
  const bool is_task = std::any_of(table.tasks.begin(), table.tasks.end(),
                                   [&](const TableColumn& task) { return task.task == text; });
  return is_task ? task_title(table, text) : text;
}

// What a column says, each text once.
std::vector<std::string> distinct_texts(const ValueTable& values, size_t column,
                                        const Table& table) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string text = shown(values, i, column, table);
    if (place_of(texts, text) == texts.size()) texts.push_back(text);
  }
  return texts;
}

// "beta 0.5", "8 tasks": what a number is, where nothing beside it says so. Methods and tasks need
// no such word.
std::string label_of(const ValueTable& values, size_t column, const std::string& text) {
  const std::string& name = values.columns()[column];
  if (name == "tasks") return text + " tasks";
  return parse_number(text) ? name + " " + text : text;
}

// "3.attn.out_proj" of "visual.transformer.resblocks.3.attn.out_proj.weight", "proj" of
// "visual.proj": from the first number on, or the last part.
std::string short_name(const std::string& tensor) {
  const std::vector<std::string> parts = split(tensor, '.');
  const auto number = std::find_if(parts.begin(), parts.end(), [](const std::string& part) {
    return parse_number(part).has_value();
  });
  std::vector<std::string> kept(number == parts.end() ? parts.end() - 1 : number, parts.end());
  if (kept.size() > 1 && kept.back() == "weight") kept.pop_back();
  return join(kept, ".");
}

// Panel titles: tensors by short names, if those tell them apart.
std::vector<std::string> panel_titles(const ValueTable& values, size_t column,
                                      const std::vector<std::string>& texts) {
  std::vector<std::string> titles;
  std::set<std::string> distinct;
  for (const std::string& text : texts) {
    const bool is_tensor = values.columns()[column] == "tensor";
    titles.push_back(is_tensor ? short_name(text) : label_of(values, column, text));
    distinct.insert(titles.back());
  }
  return distinct.size() == texts.size() ? titles : texts;
}

// Names of rows and of columns as in the file.
HeatMap square_of(const ValueTable& values) {
  HeatMap map;
  map.columns.assign(values.columns().begin() + 1, values.columns().end());
  for (size_t i = 0; i < values.size(); ++i) {
    map.rows.push_back(values.text(i, 0));
    map.values.emplace_back();
    for (size_t c = 1; c < values.columns().size(); ++c) {
      map.values.back().push_back(values.number(i, c));
    }
  }
  return map;
}

// A line per cell: "row", "column", and the value last. Of several methods, task sets or groups the
// first is shown.
HeatMap pivoted(const ValueTable& values, const Table& table) {
  const size_t row = values.require_column("row"), column = values.require_column("column");
  const size_t value = values.columns().size() - 1;
  HeatMap map;
  map.rows = distinct_texts(values, row, table);
  map.columns = distinct_texts(values, column, table);
  map.values.assign(map.rows.size(), std::vector<double>(map.columns.size(), 0.0));
  const auto is_first = [&](size_t line, const char* name) {
    const std::optional<size_t> at = values.find_column(name);
    return !at || values.text(line, *at) == values.text(0, *at);
  };
  for (size_t i = 0; i < values.size(); ++i) {
    if (!is_first(i, "method") || !is_first(i, "tasks") || !is_first(i, "group")) continue;
    map.values[place_of(map.rows, shown(values, i, row, table))]
              [place_of(map.columns, shown(values, i, column, table))] = values.number(i, value);
  }
  return map;
}

struct LineColumns {
  size_t x = 0, y = 0, line = 0;
  std::optional<size_t> panel, rank;
};

// Means of equal x, in the order of x: of all tasks for example, where no column tells them apart.
std::vector<FigurePoint> mean_points(const std::map<double, std::pair<double, double>>& sums,
                                     const std::string& label) {
  std::vector<FigurePoint> points;
  for (const auto& [x, sum] : sums) points.push_back({x, sum.first / sum.second, label});
  return points;
}

Panel lines_panel(const ValueTable& values, const LineColumns& columns, const std::string& of_panel,
                  const std::vector<std::string>& lines, const Table& table) {
  Panel panel;
  panel.x.title = axis_title(values.columns()[columns.x]);
  panel.y.title = axis_title(values.columns()[columns.y]);
  for (size_t l = 0; l < lines.size(); ++l) {
    const std::string label = label_of(values, columns.line, lines[l]);
    std::map<double, std::pair<double, double>> sums;  // of y, and how many
    std::optional<double> rank;
    for (size_t i = 0; i < values.size(); ++i) {
      if (shown(values, i, columns.line, table) != lines[l]) continue;
      if (columns.panel && shown(values, i, *columns.panel, table) != of_panel) continue;
      if (values.text(i, columns.x).empty()) continue;
      auto& [sum, count] = sums[values.number(i, columns.x)];
      sum += values.number(i, columns.y);
      count += 1.0;
      if (columns.rank && !values.text(i, *columns.rank).empty()) {
        rank = values.number(i, *columns.rank);
      }
    }
    if (rank) panel.rules.push_back({label + ", rank", true, *rank, nth_look(l)});
    if (sums.empty()) continue;
    panel.series.push_back({label, SeriesStyle::kLine, nth_look(l), mean_points(sums, label)});
  }
  return panel;
}

}  // namespace

std::optional<Figure> heat_map_figure(const FigureEntry& entry, const Table& table,
                                      const ValueTable& values) {
  if (values.columns().size() < 2) {
    throw input_error(
        fmt::format("{}: expected a column of names and columns of numbers", values.source()));
  }
  HeatMap map = values.find_column("column") ? pivoted(values, table) : square_of(values);
  Figure figure = titled_figure(entry);
  figure.is_wide = map.columns.size() > 10;
  if (map.rows == map.columns) figure.caption = "Colours span the values off the diagonal.";
  Panel panel;
  panel.height = (figure.is_wide ? 18.0 : 17.0) * static_cast<double>(map.rows.size());
  panel.heat_map = std::move(map);
  figure.panels = {panel};
  return figure;
}

std::optional<Figure> lines_figure(const FigureEntry& entry, const Table& table,
                                   const ValueTable& values) {
  const bool is_spectrum = entry.kind == FigureKind::kSpectrum;
  LineColumns columns{values.require_column(entry.x),
                      values.require_column(entry.value),
                      values.require_column(entry.line),
                      values.find_column(entry.panel),
                      {}};
  if (is_spectrum) columns.rank = values.find_column("rank");
  const std::vector<std::string> lines = distinct_texts(values, columns.line, table);
  Figure figure = titled_figure(entry);
  std::vector<std::string> panels = {""}, titles = {""};
  if (columns.panel) {
    panels = distinct_texts(values, *columns.panel, table);
    titles = panel_titles(values, *columns.panel, panels);
  }
  for (size_t i = 0; i < panels.size(); ++i) {
    figure.panels.push_back(lines_panel(values, columns, panels[i], lines, table));
    figure.panels.back().title = titles[i];
  }
  std::vector<std::string> labels;
  for (const std::string& line : lines) labels.push_back(label_of(values, columns.line, line));
  figure.legend = legend_of(labels, LegendEntry::Sample::kLine);
  figure.is_wide = figure.panels.size() > 1;
  for (Panel& panel : figure.panels) panel.height = figure.is_wide ? 95.0 : 120.0;
  if (is_spectrum) {
    figure.caption = "Singular values in descending order.";
    if (columns.rank) figure.caption += " Dashed: the energy rank of the same colour.";
  }
  return figure;
}

}  // namespace isomerge
