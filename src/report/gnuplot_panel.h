// report/gnuplot_panel.h -- one panel of a figure in gnuplot's words; for gnuplot.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/figure.h"
#include "report/figure_layout.h"

namespace isomerge {

// The data blocks of panel number `index`: a line per point, with its tooltip's number.
std::string panel_data(const Panel& panel, size_t index, size_t* tooltip);

// Axes and the plot command.
std::string panel_script(const Panel& panel, size_t index, const FigureLayout& layout);

// Title, ranges and tics of a panel.
std::string axes_script(const Panel& panel, size_t index, const FigureLayout& layout);

// The same as panel_script() for a panel with a heat map.
std::string heat_map_script(const Panel& panel, size_t index, const FigureLayout& layout);

// A place given in points, as gnuplot takes it.
std::string screen_place(const FigureLayout& layout, double x, double y);

// 'text' so that gnuplot takes nothing in it for a command.
std::string gnuplot_quoted(const std::string& text);

// "pointtype 7 pointsize 0.5 linecolor rgb '#0072B2'": one or, for tinted points, two of them, to
// be drawn on each other.
std::vector<std::string> point_styles(const Look& look, double size);

// The same for lines: "linewidth 1.4 dashtype 2 linecolor rgb '#0072B2'".
std::string line_style(const Look& look);
std::string rule_style(const Look& look);

}  // namespace isomerge
