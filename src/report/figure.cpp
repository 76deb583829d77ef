#include "report/figure.h"

#include "base/text.h"
#include "report/csv.h"

namespace isomerge {
namespace {

std::string heat_map_csv(const Figure& figure) {
  std::string text = csv_line({"panel", "row", "column", "value"});
  for (const Panel& panel : figure.panels) {
    const HeatMap& map = *panel.heat_map;
    for (size_t r = 0; r < map.rows.size(); ++r) {
      for (size_t c = 0; c < map.columns.size(); ++c) {
        text += csv_line({panel.title, map.rows[r], map.columns[c], number_text(map.values[r][c])});
      }
    }
  }
  return text;
}

}  // namespace

Look nth_look(size_t i) {
  constexpr size_t kColours = 8;
  return {i, i, i / kColours, i / kColours};
}

std::string figure_csv(const Figure& figure) {
  if (!figure.panels.empty() && figure.panels.front().heat_map) return heat_map_csv(figure);
  std::string text = csv_line({"panel", "series", "label", "x", "y", "low", "high", "chosen"});
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      for (const FigurePoint& point : series.points) {
        text += csv_line({panel.title, series.title, point.label, number_text(point.x),
                          number_text(point.y), point.range ? number_text(point.range->low) : "",
                          point.range ? number_text(point.range->high) : "",
                          point.is_chosen ? "true" : "false"});
      }
    }
    for (const Rule& rule : panel.rules) {
      const std::string at = number_text(rule.at);
      text += csv_line({panel.title, rule.title, rule.title, rule.is_vertical ? at : "",
                        rule.is_vertical ? "" : at, "", "", "false"});
    }
  }
  return text;
}

}  // namespace isomerge
