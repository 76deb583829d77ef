#include "report/figure_layout.h"

#include <algorithm>
#include <cmath>

namespace isomerge {
namespace {

constexpr double kColumnWidth = 8.5 / 2.54 * 72.0;
constexpr double kPageWidth = 17.0 / 2.54 * 72.0;
constexpr double kNumbers = 22.0;    // room for the numbers of a y axis
constexpr double kAxisTitle = 12.0;  // room for the title of an axis
constexpr double kEdge = 5.0;        // between anything and the edge
constexpr double kRotated = 0.64;    // sine of the angle of rotated names, 40 degrees

std::vector<std::string> x_names(const Panel& panel) {
  if (panel.heat_map) return panel.heat_map->columns;
  std::vector<std::string> names;
  for (const auto& [at, name] : panel.x.names) names.push_back(name);
  return names;
}

std::vector<std::string> y_names(const Panel& panel) {
  if (panel.heat_map) return panel.heat_map->rows;
  std::vector<std::string> names;
  for (const auto& [at, name] : panel.y.names) names.push_back(name);
  return names;
}

double widest(const std::vector<std::string>& texts) {
  double width = 0.0;
  for (const std::string& text : texts) width = std::max(width, text_width(text));
  return width;
}

// The largest of something over all panels.
template <typename Of>
double largest(const Figure& figure, const Of& of) {
  double value = 0.0;
  for (const Panel& panel : figure.panels) value = std::max(value, of(panel));
  return value;
}

double left_margin(const Figure& figure) {
  return kEdge + largest(figure, [](const Panel& panel) {
           const std::vector<std::string> names = y_names(panel);
           return (names.empty() ? kNumbers : widest(names) + 4.0) +
                  (panel.y.title.empty() ? 0.0 : kAxisTitle);
         });
}

double bottom_margin(const Figure& figure, bool is_rotated) {
  return largest(figure, [&](const Panel& panel) {
    const double names = is_rotated ? widest(x_names(panel)) * kRotated + 8.0 : kLineHeight;
    return names + 3.0 + (panel.x.title.empty() ? 0.0 : kAxisTitle);
  });
}

// Rows of as many entries as the widest allows; returns the height they take.
double place_legend(const Figure& figure, FigureLayout& layout) {
  if (figure.legend.empty()) return 0.0;
  std::vector<std::string> titles;
  for (const LegendEntry& entry : figure.legend) titles.push_back(entry.title);
  const double entry_width = widest(titles) + kSampleWidth + 6.0;
  const double room = layout.width - 2.0 * kEdge;
  const size_t columns =
      std::clamp<size_t>(static_cast<size_t>(room / entry_width), 1, figure.legend.size());
  const size_t rows = (figure.legend.size() + columns - 1) / columns;
  const double step = room / static_cast<double>(columns);
  for (size_t i = 0; i < figure.legend.size(); ++i) {
    const double row = static_cast<double>(rows - 1 - i / columns);
    layout.legend.emplace_back(kEdge + static_cast<double>(i % columns) * step,
                               kEdge + (row + 0.5) * kLineHeight);
  }
  return static_cast<double>(rows) * kLineHeight + kEdge;
}

}  // namespace

double text_width(const std::string& text) {
  const auto characters = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;  // not a continuation byte of UTF-8
  });
  return 0.53 * kFontSize * static_cast<double>(characters);
}

FigureLayout lay_out(const Figure& figure) {
  FigureLayout layout;
  layout.width = figure.is_wide ? kPageWidth : kColumnWidth;
  const size_t count = figure.panels.size();
  const size_t columns = figure.is_wide ? std::min<size_t>(count, 3) : 1;
  const size_t rows = (count + columns - 1) / columns;
  const double cell_width = layout.width / static_cast<double>(columns);
  const double left = left_margin(figure), right = kEdge + 2.0;
  const double drawn = cell_width - left - right;
  layout.has_rotated_names = largest(figure, [](const Panel& panel) {
                               const auto names = x_names(panel);
                               return (widest(names) + 4.0) * static_cast<double>(names.size());
                             }) > drawn;
  const double below = bottom_margin(figure, layout.has_rotated_names);
  const double above =
      largest(figure,
              [](const Panel& panel) { return panel.title.empty() ? 0.0 : kLineHeight + 2.0; }) +
      4.0;
  const double legend = place_legend(figure, layout);
  const double title = figure.title.empty() ? 0.0 : kTitleSize + 6.0;
  const double cell_height = above + figure.panel_height + below;
  layout.height = legend + static_cast<double>(rows) * cell_height + title + kEdge;
  for (size_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(i % columns) * cell_width;
    const double y = legend + static_cast<double>(rows - 1 - i / columns) * cell_height;
    layout.panels.push_back(
        {x + left, y + below, x + left + drawn, y + below + figure.panel_height});
    layout.is_at_left.push_back(i % columns == 0);
    layout.is_at_bottom.push_back(i + columns >= count);
  }
  return layout;
}

}  // namespace isomerge
