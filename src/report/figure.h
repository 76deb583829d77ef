// report/figure.h -- what a figure shows, as plain data: report/gnuplot.h draws it, figure_csv()
// writes it down. Nothing here knows records or methods.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "metric/accuracy.h"

namespace isomerge {

// How a series looks, by numbers that go on for ever: there are 8 colours, 6 shapes, 5 dashes and 3
// fills (solid, open, tinted), and each starts again at its end. Colours are those of Okabe and
// Ito, which people with colour blindness can tell apart, with grey for their yellow.
struct Look {
  size_t colour = 0;
  size_t shape = 0;
  size_t dash = 0;
  size_t fill = 0;
};

// The look of the i-th of many lines or points: where colours start again, dash and fill go on.
Look nth_look(size_t i);

struct FigurePoint {
  double x = 0.0;
  double y = 0.0;
  std::string label;                   // what it is: "Cars, Iso-C"; shown when pointed at
  std::optional<Interval> range = {};  // of y
  bool is_chosen = false;              // drawn larger
};

enum class SeriesStyle {
  kPoints,
  kLine,  // through the points, which are dots; the chosen ones stand out
  kBars,  // from 0 to y, with the range as whiskers
  kBox,   // quartiles of y at each x; whiskers to the ends; the points beside it
};

struct Series {
  std::string title;  // in the data file; in the legend through LegendEntry
  SeriesStyle style = SeriesStyle::kPoints;
  Look look;
  std::vector<FigurePoint> points;
};

// A straight dashed line across a panel: a rank, or a method that has no such axis.
struct Rule {
  std::string title;
  bool is_vertical = false;
  double at = 0.0;
  Look look;
};

struct Axis {
  std::string title;
  std::optional<double> low = {}, high = {};               // nothing: as the data are
  std::vector<std::pair<double, std::string>> names = {};  // instead of numbers
};

// A matrix whose values are printed in its cells; rows from the top.
struct HeatMap {
  std::vector<std::string> rows, columns;
  std::vector<std::vector<double>> values;  // [rows, columns]
  int digits = 2;                           // after the point
};

struct Panel {
  std::string title;
  Axis x, y;
  std::vector<Series> series;
  std::vector<Rule> rules;
  double bar_width = 0.8;           // of bars and boxes, in units of x
  double height = 120.0;            // of the drawn area, in points of 1/72 inch
  std::optional<HeatMap> heat_map;  // then there is no series
};

struct LegendEntry {
  std::string title;
  Look look;
  enum class Sample { kPoint, kLine, kRule, kBlock } sample = Sample::kPoint;
  size_t group = 0;  // groups, ascending, stand below each other in columns of their own
};

struct Figure {
  std::string name;     // of its files
  std::string title;    // above it
  std::string caption;  // what a reader has to know, one paragraph
  std::vector<Panel> panels;
  std::vector<LegendEntry> legend;  // of all panels; entries of a group together
  bool is_wide = false;             // across the page (17 cm) instead of a column (8.5 cm)
};

// The data, one line per point: panel, series, label, x, y, low, high, chosen; rules are lines of
// their own with an x or a y alone. Cells of a heat map: panel, row, column, value.
std::string figure_csv(const Figure& figure);

}  // namespace isomerge
