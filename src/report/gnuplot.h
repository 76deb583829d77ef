// report/gnuplot.h -- a figure as a script for gnuplot 5.4 or newer.
#pragma once

#include <string>
#include <vector>

#include "report/figure.h"

namespace isomerge {

// A script that holds its data and writes <figure.name>.<format> into the folder it runs in, for
// "svg", "pdf" and "png" (300 dots per inch). 8.5 or 17 cm wide, text of 7 points or more, white
// background. In the SVG every point of a series carries the number of its tooltip: "tooltip 17".
std::string gnuplot_script(const Figure& figure, const std::vector<std::string>& formats);

// What each point is, in the order of those numbers: its label and its values.
std::vector<std::string> figure_tooltips(const Figure& figure);

// "#0072B2", of the palette.
std::string colour_text(const Look& look);

}  // namespace isomerge
