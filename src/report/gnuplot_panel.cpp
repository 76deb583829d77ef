#include "report/gnuplot_panel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "metric/quantile.h"
#include "report/gnuplot.h"

namespace isomerge {
namespace {

constexpr double kPointSize = 0.55;
constexpr size_t kMostDots = 60;  // on a line; more would hide it

std::string block_name(size_t panel, size_t series, const char* part = "") {
  return fmt::format("$p{}s{}{}", panel, series, part);
}

// Quartiles and ends of y at each x.
std::string box_data(const Series& series) {
  std::map<double, std::vector<double>> groups;
  for (const FigurePoint& point : series.points) groups[point.x].push_back(point.y);
  std::string text;
  for (auto& [x, values] : groups) {
    std::sort(values.begin(), values.end());
    text += fmt::format("{} {} {} {} {} {}\n", x, quantile(values, 0.25), values.front(),
                        values.back(), quantile(values, 0.75), quantile(values, 0.5));
  }
  return text;
}

// Ends of an axis: the given ones, else those of the data with a little room.
std::pair<double, double> ends_of(const Axis& axis, const std::vector<double>& values) {
  double low = 0.0, high = 1.0;
  if (!values.empty()) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    const double room = *most > *least ? 0.05 * (*most - *least) : 0.5;
    low = *least - room;
    high = *most + room;
  }
  return {axis.low.value_or(low), axis.high.value_or(high)};
}

// 1, 2 or 5 times a power of ten, so that no more than `most` of them fit into the range.
double tic_step(double range, double most) {
  const double least = std::abs(range) / most;
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least) return factor * power;
  }
  return 10.0 * power;
}

// Range, tics and their labels of one axis ("x", "y") of this length in points.
std::string axis_text(const char* name, const Axis& axis, const std::vector<double>& values,
                      double length, double per_tic, const std::string& options) {
  const auto [low, high] = ends_of(axis, values);
  std::string text =
      fmt::format("set {0}range [{1}:{2}]\nunset {0}tics\nset {0}tics nomirror out {3} ", name, low,
                  high, options);
  if (axis.names.empty()) {
    return text + fmt::format("{:.6g}\nset format {} '%g'\n",
                              tic_step(high - low, std::max(2.0, length / per_tic)), name);
  }
  std::vector<std::string> parts;
  for (const auto& [at, title] : axis.names) {
    parts.push_back(fmt::format("{} {}", gnuplot_quoted(title), at));
  }
  return text + fmt::format("({})\n", join(parts, ", "));
}

// The points of a series, each with the number of its tooltip.
std::string points_text(const std::string& block, const Look& look, double size) {
  const std::vector<std::string> styles = point_styles(look, size);
  std::string text;
  if (styles.size() > 1) text = fmt::format("{} using 1:2 with points {}, ", block, styles.front());
  return text + fmt::format("{} using 1:2:5 with labels hypertext point {}", block, styles.back());
}

bool has_chosen(const Series& series) {
  return std::any_of(series.points.begin(), series.points.end(),
                     [](const FigurePoint& point) { return point.is_chosen; });
}

std::string series_text(const Series& series, const std::string& block, const std::string& chosen,
                        const std::string& boxes, double width) {
  const std::string colour = colour_text(series.look);
  switch (series.style) {
    case SeriesStyle::kPoints:
      return points_text(block, series.look, 1.0);
    case SeriesStyle::kLine:
      return fmt::format("{} using 1:2 with lines {}", block, line_style(series.look)) +
             (series.points.size() > kMostDots
                  ? ""
                  : ", " + points_text(block, {series.look.colour}, 0.4)) +
             (has_chosen(series)
                  ? ", " + points_text(chosen, {series.look.colour, series.look.shape}, 1.5)
                  : "");
    case SeriesStyle::kBars:
      return fmt::format("{0} using 1:2 with boxes fs solid noborder lc rgb '{1}', ", block,
                         colour) +
             points_text(block, series.look, 0.2) +
             fmt::format(
                 ", {} using 1:3:(0):($4-$3) with vectors heads size graph 0.008,90 lw 0.9 lc "
                 "rgb '#000000'",
                 block);
    case SeriesStyle::kBox:
      return fmt::format(
                 "{0} using 1:2:3:4:5 with candlesticks fs transparent solid 0.25 border lw 0.8 lc "
                 "rgb '{1}' whiskerbars 0.5, {0} using ($1-{2}/2):6:({2}):(0) with vectors nohead "
                 "lw "
                 "1.8 lc rgb '{1}', ",
                 boxes, colour, width) +
             points_text(block, {series.look.colour}, 0.6);
  }
  return "";
}

}  // namespace

std::string panel_data(const Panel& panel, size_t index, size_t* tooltip) {
  std::string text;
  for (size_t s = 0; s < panel.series.size(); ++s) {
    std::string chosen;
    text += block_name(index, s) + " << EOD\n";
    for (const FigurePoint& point : panel.series[s].points) {
      const Interval range = point.range.value_or(Interval{point.y, point.y});
      const std::string line = fmt::format("{} {} {} {} \"tooltip {}\"\n", point.x, point.y,
                                           range.low, range.high, (*tooltip)++);
      text += line;
      if (point.is_chosen) chosen += line;
    }
    text += "EOD\n";
    if (!chosen.empty()) {
      text += block_name(index, s, "chosen") + " << EOD\n" + chosen + "EOD\n";
    }
    if (panel.series[s].style == SeriesStyle::kBox) {
      text += block_name(index, s, "box") + " << EOD\n" + box_data(panel.series[s]) + "EOD\n";
    }
  }
  return text;
}

std::string axes_script(const Panel& panel, size_t index, const FigureLayout& layout) {
  std::vector<double> xs, ys;
  for (const Series& series : panel.series) {
    for (const FigurePoint& point : series.points) {
      xs.push_back(point.x);
      ys.push_back(point.y);
      if (point.range) ys.insert(ys.end(), {point.range->low, point.range->high});
    }
  }
  for (const Rule& rule : panel.rules) (rule.is_vertical ? xs : ys).push_back(rule.at);
  const Box& box = layout.panels[index];
  const std::string rotation = layout.has_rotated_names ? "rotate by 40 right" : "norotate";
  // Axis titles at places of our own: terminals differ in how far gnuplot puts them from the axis.
  std::string titles;
  if (layout.is_at_bottom[index] && !panel.x.title.empty()) {
    titles += fmt::format(
        "set label {} at {} center\n", gnuplot_quoted(panel.x.title),
        screen_place(layout, (box.left + box.right) / 2.0, box.bottom - layout.x_title));
  }
  if (layout.is_at_left[index] && !panel.y.title.empty()) {
    titles +=
        fmt::format("set label {} at {} center rotate by 90\n", gnuplot_quoted(panel.y.title),
                    screen_place(layout, box.left - layout.y_title, (box.bottom + box.top) / 2.0));
  }
  return fmt::format("set title {} offset 0,-0.6\n", gnuplot_quoted(panel.title)) + titles +
         axis_text("x", panel.x, xs, box.right - box.left, 23.0, rotation + " offset 0,0.3") +
         axis_text("y", panel.y, ys, box.top - box.bottom, 13.0, "norotate offset 0.5,0");
}

std::string panel_script(const Panel& panel, size_t index, const FigureLayout& layout) {
  if (panel.heat_map) return heat_map_script(panel, index, layout);
  std::string text = axes_script(panel, index, layout);
  for (const Rule& rule : panel.rules) {
    text +=
        rule.is_vertical
            ? fmt::format("set arrow from first {0}, graph 0 to first {0}, graph 1 nohead {1}\n",
                          rule.at, rule_style(rule.look))
            : fmt::format("set arrow from graph 0, first {0} to graph 1, first {0} nohead {1}\n",
                          rule.at, rule_style(rule.look));
  }
  text += fmt::format("set boxwidth {} absolute\nplot ", panel.bar_width);
  std::vector<std::string> parts;
  for (size_t s = 0; s < panel.series.size(); ++s) {
    parts.push_back(series_text(panel.series[s], block_name(index, s),
                                block_name(index, s, "chosen"), block_name(index, s, "box"),
                                panel.bar_width));
  }
  if (parts.empty()) parts.push_back("NaN notitle");
  return text + join(parts, ", \\\n  ") + "\n";
}

std::string screen_place(const FigureLayout& layout, double x, double y) {
  return fmt::format("screen {:.5f},{:.5f}", x / layout.width, y / layout.height);
}

std::string gnuplot_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c == '\n' ? ' ' : c;
  }
  return out + "'";
}

std::vector<std::string> point_styles(const Look& look, double size) {
  constexpr std::array<int, 6> kShapes = {7, 9, 5, 13, 11, 15};  // solid; open is the number before
  const int solid = kShapes[look.shape % kShapes.size()];
  const auto style = [&](int shape, const char* transparency) {
    return fmt::format("pointtype {} pointsize {:.3g} linewidth 1.2 linecolor rgb '{}'", shape,
                       size * kPointSize, colour_text(look).insert(1, transparency));
  };
  if (look.fill % 3 == 0) return {style(solid, "")};
  if (look.fill % 3 == 1) return {style(solid - 1, "")};
  return {style(solid, "A0"), style(solid - 1, "")};
}

std::string line_style(const Look& look) {
  return fmt::format("linewidth 1.4 dashtype {} linecolor rgb '{}'", look.dash % 5 + 1,
                     colour_text(look));
}

std::string rule_style(const Look& look) {
  return fmt::format("linewidth 1 dashtype (6,4) linecolor rgb '{}'", colour_text(look));
}

}  // namespace isomerge
