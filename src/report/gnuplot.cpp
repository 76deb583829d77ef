#include "report/gnuplot.h"

#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "report/figure_layout.h"
#include "report/gnuplot_panel.h"

namespace isomerge {
namespace {

constexpr const char* kFont = "Liberation Sans";
constexpr double kDotsPerPoint = 300.0 / 72.0;

// Sizes of one figure for the three terminals.
std::string terminals(const Figure& figure, const FigureLayout& layout,
                      const std::vector<std::string>& formats) {
  const double pixels = 96.0 / 72.0;
  std::string text = fmt::format("do for [format in '{}'] {{\n", join(formats, " "));
  text += fmt::format(
      "if (format eq 'svg') {{ set terminal svg noenhanced size {:.0f},{:.0f} font '{},{:.2f}' "
      "background '#ffffff' }}\n",
      layout.width * pixels, layout.height * pixels, kFont, kFontSize * pixels);
  text += fmt::format(
      "if (format eq 'pdf') {{ set terminal pdfcairo noenhanced size {:.4f}in,{:.4f}in font "
      "'{},{}' fontscale 1 background '#ffffff' }}\n",
      layout.width / 72.0, layout.height / 72.0, kFont, kFontSize);
  text += fmt::format(
      "if (format eq 'png') {{ set terminal pngcairo noenhanced size {:.0f},{:.0f} font '{},{}' "
      "fontscale {:.4f} linewidth {:.4f} pointscale {:.4f} background '#ffffff' }}\n",
      layout.width * kDotsPerPoint, layout.height * kDotsPerPoint, kFont, kFontSize,
      kDotsPerPoint / pixels, kDotsPerPoint / pixels, kDotsPerPoint / pixels);
  // Fonts are in pixels for SVG, in points for the others.
  return text + fmt::format(
                    "title_font = sprintf('{},%.2f', format eq 'svg' ? {:.4f} : {})\n"
                    "set output {}.'.'.format\n",
                    kFont, kTitleSize * pixels, kTitleSize, gnuplot_quoted(figure.name));
}

std::string legend_text(const LegendEntry& entry, const FigureLayout& layout, double x, double y) {
  const std::string colour = colour_text(entry.look);
  const double middle = x + (kSampleWidth - 4.0) / 2.0, end = x + kSampleWidth - 4.0;
  std::string text = fmt::format("set label {} at {} left\n", gnuplot_quoted(entry.title),
                                 screen_place(layout, x + kSampleWidth, y));
  switch (entry.sample) {
    case LegendEntry::Sample::kPoint:
      for (const std::string& style : point_styles(entry.look, 1.0)) {
        text +=
            fmt::format("set label '' at {} point {}\n", screen_place(layout, middle, y), style);
      }
      return text;
    case LegendEntry::Sample::kBlock:
      return text +
             fmt::format("set object rectangle from {} to {} fc rgb '{}' fs solid noborder\n",
                         screen_place(layout, x + 3.0, y - 3.0),
                         screen_place(layout, end - 2.0, y + 3.0), colour);
    case LegendEntry::Sample::kLine:
    case LegendEntry::Sample::kRule:
      break;
  }
  const bool is_rule = entry.sample == LegendEntry::Sample::kRule;
  return text + fmt::format("set arrow from {} to {} nohead {}\n", screen_place(layout, x, y),
                            screen_place(layout, end, y),
                            is_rule ? rule_style(entry.look) : line_style(entry.look));
}

// Title and legend: drawn with the first panel, at places of the whole figure.
std::string frame_text(const Figure& figure, const FigureLayout& layout) {
  std::string text;
  if (!figure.title.empty()) {
    text += fmt::format("set label {} at {} left font title_font\n", gnuplot_quoted(figure.title),
                        screen_place(layout, 5.0, layout.height - 5.0 - kTitleSize / 2.0));
  }
  for (size_t i = 0; i < figure.legend.size(); ++i) {
    text += legend_text(figure.legend[i], layout, layout.legend[i].first, layout.legend[i].second);
  }
  return text;
}

}  // namespace

std::string gnuplot_script(const Figure& figure, const std::vector<std::string>& formats) {
  const FigureLayout layout = lay_out(figure);
  std::string text =
      "# Draws a figure of isomerge; run it with gnuplot 5.4 or newer in its own folder.\n"
      "set encoding utf8\n";
  size_t tooltip = 0;
  for (size_t i = 0; i < figure.panels.size(); ++i) {
    text += panel_data(figure.panels[i], i, &tooltip);
  }
  text += terminals(figure, layout, formats);
  text += "set multiplot\nset border 3 lw 0.6\nset tics nomirror out scale 0.4\n";
  text += "set grid lc rgb '#999999' lw 0.25 dt 3\nunset key\n";
  text += frame_text(figure, layout);
  for (size_t i = 0; i < figure.panels.size(); ++i) {
    const Box& box = layout.panels[i];
    text += fmt::format(
        "set lmargin at screen {:.5f}\nset rmargin at screen {:.5f}\n"
        "set bmargin at screen {:.5f}\nset tmargin at screen {:.5f}\n",
        box.left / layout.width, box.right / layout.width, box.bottom / layout.height,
        box.top / layout.height);
    text += panel_script(figure.panels[i], i, layout);
    text += "unset label\nunset arrow\nunset object\n";
  }
  return text + "unset multiplot\nset output\n}\n";
}

std::vector<std::string> figure_tooltips(const Figure& figure) {
  const auto value_text = [](const Axis& axis, double value) {
    for (const auto& [at, name] : axis.names) {
      if (at == value) return ", " + name;
    }
    if (!axis.names.empty()) return std::string();  // beside a name: the label says it
    return fmt::format(", {}{}{:.4g}", axis.title, axis.title.empty() ? "" : " ", value);
  };
  std::vector<std::string> texts;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      for (const FigurePoint& point : series.points) {
        texts.push_back(fmt::format("{}{}{}", point.label, value_text(panel.x, point.x),
                                    value_text(panel.y, point.y)));
      }
    }
  }
  return texts;
}

std::string colour_text(const Look& look) {
  constexpr std::array<const char*, 8> kPalette = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                   "#E69F00", "#56B4E9", "#000000", "#7F7F7F"};
  return kPalette[look.colour % kPalette.size()];
}

}  // namespace isomerge
