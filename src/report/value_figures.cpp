// Figures of values that no record holds: heat_map, spectrum.
#include <fmt/format.h>

#include "base/error.h"
#include "report/figure_parts.h"
#include "report/figures.h"
#include "report/values.h"

namespace isomerge {
namespace {

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
