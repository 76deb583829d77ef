// report/draw.h -- figures drawn by gnuplot, which runs as a process of its own.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "report/figure.h"

namespace isomerge {

// The bytes of the figure in each of the formats "svg", "pdf", "png". Same figure, same gnuplot and
// fonts: same bytes, for no date is in them. In the SVG the text is text, every point carries its
// tooltip as <title>, and identifiers begin with the figure's name, so that several can stand in
// one page. Works in a temporary folder. Throws Error(kMachine) if gnuplot is not installed or
// fails, with what it said. Cost: a few tenths of a second.
std::map<std::string, std::string> draw_figure(const Figure& figure,
                                               const std::vector<std::string>& formats);

}  // namespace isomerge
