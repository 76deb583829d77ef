#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "report/gnuplot_panel.h"

namespace isomerge {
namespace {

// From white to dark blue, by v in 0..1; and the colour of text that reads on it.
std::pair<std::string, std::string> cell_colours(double v) {
  constexpr std::array<std::array<double, 3>, 4> kStops = {
      {{247, 251, 255}, {158, 202, 225}, {49, 130, 189}, {8, 48, 107}}};
  const double position = std::clamp(v, 0.0, 1.0) * (kStops.size() - 1);
  const size_t below = std::min<size_t>(static_cast<size_t>(position), kStops.size() - 2);
  std::string colour = "#";
  for (size_t i = 0; i < 3; ++i) {
    const double channel =
        std::lerp(kStops[below][i], kStops[below + 1][i], position - static_cast<double>(below));
    colour += fmt::format("{:02X}", static_cast<int>(std::lround(channel)));
  }
  return {colour, v > 0.45 ? "#FFFFFF" : "#111111"};
}

// Values of the colours' ends. Where rows are columns, the diagonal, which is often 1 by
// definition, does not count.
std::pair<double, double> colour_ends(const HeatMap& map) {
  std::vector<double> values;
  for (size_t r = 0; r < map.rows.size(); ++r) {
    for (size_t c = 0; c < map.columns.size(); ++c) {
      if (r != c || map.rows != map.columns) values.push_back(map.values[r][c]);
    }
  }
  if (values.empty()) return {0.0, 1.0};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {*low, *high > *low ? *high : *low + 1.0};
}

}  // namespace

std::string heat_map_script(const Panel& panel, size_t index, const FigureLayout& layout) {
  const HeatMap& map = *panel.heat_map;
  Panel axes;
  axes.title = panel.title;
  axes.x = panel.x;
  axes.y = panel.y;
  for (size_t c = 0; c < map.columns.size(); ++c) axes.x.names.emplace_back(c, map.columns[c]);
  for (size_t r = 0; r < map.rows.size(); ++r) axes.y.names.emplace_back(r, map.rows[r]);
  axes.x.low = -0.5;
  axes.x.high = static_cast<double>(map.columns.size()) - 0.5;
  axes.y.low = static_cast<double>(map.rows.size()) - 0.5;
  axes.y.high = -0.5;
  std::string text = axes_script(axes, index, layout);
  const auto [low, high] = colour_ends(map);
  for (size_t r = 0; r < map.rows.size(); ++r) {
    for (size_t c = 0; c < map.columns.size(); ++c) {
      const double value = map.values[r][c];
      const auto [fill, ink] = cell_colours((value - low) / (high - low));
      const double x = static_cast<double>(c), y = static_cast<double>(r);
      text += fmt::format(
          "set object rectangle from {},{} to {},{} behind fc rgb '{}' fs solid noborder\n",
          x - 0.5, y - 0.5, x + 0.5, y + 0.5, fill);
      text += fmt::format("set label '{:.{}f}' at {},{} center front tc rgb '{}'\n", value,
                          map.digits, x, y, ink);
    }
  }
  return text + "unset grid\nplot NaN notitle\n";
}

}  // namespace isomerge
