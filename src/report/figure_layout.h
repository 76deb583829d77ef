// report/figure_layout.h -- where the parts of a figure go. All lengths are points of 1/72 inch,
// from the lower left corner.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/figure.h"

namespace isomerge {

constexpr double kFontSize = 7.2;      // of all text
constexpr double kTitleSize = 8.0;     // of the figure's title
constexpr double kLineHeight = 10.0;   // of legends
constexpr double kSampleWidth = 18.0;  // of a legend's line, with the gap to its text

struct Box {
  double left = 0.0, bottom = 0.0, right = 0.0, top = 0.0;
};

struct FigureLayout {
  double width = 0.0, height = 0.0;
  std::vector<Box> panels;         // the drawn area of each, without axis labels
  std::vector<bool> is_at_left;    // panels whose y axis has a title
  std::vector<bool> is_at_bottom;  // panels whose x axis has a title
  double y_title = 0.0;            // middle of the y axes' titles, to the left of the drawn area
  double x_title = 0.0;            // middle of the x axes' titles, below the drawn area
  std::vector<std::pair<double, double>> legend;  // left end and middle height of each entry
  bool has_rotated_names = false;                 // names of the x axis do not fit side by side
};

FigureLayout lay_out(const Figure& figure);

// Room that a text takes in the figure's font, by the number of its characters.
double text_width(const std::string& text);

}  // namespace isomerge
