#include "report/figure_layout.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace isomerge {
namespace {

constexpr double kColumnWidth = 8.5 / 2.54 * 72.0;
constexpr double kPageWidth = 17.0 / 2.54 * 72.0;
constexpr double kNumbers = 22.0;    // room for the numbers of a y axis
constexpr double kAxisTitle = 12.0;  // room for the title of an axis
constexpr double kEdge = 5.0;        // between anything and the edge
constexpr double kGroupGap = 4.0;    // between groups of a legend
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

// Room for the numbers or names of the x axes.
double names_height(const Figure& figure, bool is_rotated) {
  return largest(figure, [&](const Panel& panel) {
    return is_rotated ? widest(x_names(panel)) * kRotated + 11.0 : kLineHeight + 6.0;
  });
}

// Rows of as many entries as the widest of the group allows; returns the height they take. `top` is
// how far below the legend's upper edge the group begins; places count from there for now.
double place_group(const std::vector<LegendEntry>& entries, double top, FigureLayout& layout) {
  std::vector<std::string> titles;
  for (const LegendEntry& entry : entries) titles.push_back(entry.title);
  const double room = layout.width - 2.0 * kEdge;
  const double entry_width = widest(titles) + kSampleWidth + 6.0;
  const size_t columns =
      std::clamp<size_t>(static_cast<size_t>(room / entry_width), 1, entries.size());
  const double step = room / static_cast<double>(columns);
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto row = static_cast<double>(i / columns);
    layout.legend.emplace_back(kEdge + static_cast<double>(i % columns) * step,
                               -top - (row + 0.5) * kLineHeight);
  }
  return static_cast<double>((entries.size() + columns - 1) / columns) * kLineHeight;
}

// Groups below each other; returns the height of all.
double place_legend(const Figure& figure, FigureLayout& layout) {
  if (figure.legend.empty()) return 0.0;
  std::map<size_t, std::vector<LegendEntry>> groups;
  for (const LegendEntry& entry : figure.legend) groups[entry.group].push_back(entry);
  double height = 0.0;
  for (const auto& [group, entries] : groups) {
    if (height > 0.0) height += kGroupGap;
    height += place_group(entries, height, layout);
  }
  for (auto& [left, middle] : layout.legend) middle += height + kEdge;
  return height + 2.0 * kEdge;
}

// Up to three panels side by side, as many as leave room for their titles.
size_t columns_of(const Figure& figure, double width, double margins) {
  if (!figure.is_wide) return 1;
  std::vector<std::string> titles;
  for (const Panel& panel : figure.panels) titles.push_back(panel.title);
  size_t columns = std::min<size_t>(figure.panels.size(), 3);
  while (columns > 1 && widest(titles) > width / static_cast<double>(columns) - margins) --columns;
  return columns;
}

}  // namespace

double text_width(const std::string& text) {
  double width = 0.0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) continue;  // goes on a character of UTF-8
    width += c >= 'A' && c <= 'Z' ? 0.68 : 0.54;
  }
  return width * kFontSize;
}

FigureLayout lay_out(const Figure& figure) {
  FigureLayout layout;
  layout.width = figure.is_wide ? kPageWidth : kColumnWidth;
  const size_t count = figure.panels.size();
  const double left = left_margin(figure), right = kEdge + 2.0;
  // A title is centred above what is drawn and may stand over as far as the margin on the right.
  const size_t columns = columns_of(figure, layout.width, left - right);
  const size_t rows = (count + columns - 1) / columns;
  const double cell_width = layout.width / static_cast<double>(columns);
  const double drawn = cell_width - left - right;
  layout.has_rotated_names = largest(figure, [](const Panel& panel) {
                               const auto names = x_names(panel);
                               return (widest(names) + 4.0) * static_cast<double>(names.size());
                             }) > drawn;
  const double names = names_height(figure, layout.has_rotated_names);
  const double below = names + largest(figure, [](const Panel& panel) {
                         return panel.x.title.empty() ? 0.0 : kAxisTitle;
                       });
  layout.x_title = names + kAxisTitle / 2.0;
  layout.y_title = left - kAxisTitle / 2.0 - 1.0;
  const double above =
      largest(figure,
              [](const Panel& panel) { return panel.title.empty() ? 0.0 : kLineHeight + 2.0; }) +
      4.0;
  const double legend = place_legend(figure, layout);
  const double title = figure.title.empty() ? 0.0 : kTitleSize + 6.0;
  std::vector<double> heights(rows, 0.0);  // of the panels of each row
  for (size_t i = 0; i < count; ++i) {
    heights[i / columns] = std::max(heights[i / columns], figure.panels[i].height);
  }
  layout.height = legend + static_cast<double>(rows) * (above + below) + title + kEdge +
                  std::accumulate(heights.begin(), heights.end(), 0.0);
  double row_top = layout.height - kEdge - title;
  for (size_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(i % columns) * cell_width + left;
    const double height = heights[i / columns];
    layout.panels.push_back({x, row_top - above - height, x + drawn, row_top - above});
    layout.is_at_left.push_back(i % columns == 0);
    layout.is_at_bottom.push_back(i + columns >= count);
    if (i % columns + 1 == columns) row_top -= above + height + below;
  }
  return layout;
}

}  // namespace isomerge
