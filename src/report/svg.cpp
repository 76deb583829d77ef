#include "report/svg.h"

#include <cctype>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "report/gnuplot.h"

namespace isomerge {
namespace {

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// Replaces what begins with `from` and ends with `to`, both included, once.
void replace_span(std::string& text, const std::string& from, const std::string& to,
                  const std::string& by) {
  const size_t start = text.find(from);
  const size_t end = start == std::string::npos ? start : text.find(to, start);
  if (end == std::string::npos) {
    throw Error(Fault::kInternal, fmt::format("gnuplot's SVG has no {}...{}", from, to));
  }
  text.replace(start, end + to.size() - start, by);
}

// gnuplot:  <g onmousemove="gnuplot_svg.showHypertext(evt,'tooltip 7')" onmouseout="..."><title>
// </title> here:     <g class="point"><title>Cars, Iso-C: ...</title>
std::string with_tooltips(const std::string& svg, const std::vector<std::string>& tooltips) {
  const std::string start = "<g onmousemove=\"gnuplot_svg.showHypertext(evt,'tooltip ";
  const std::string end = "<title> </title>";
  std::string out;
  size_t done = 0;
  for (size_t at = svg.find(start); at != std::string::npos; at = svg.find(start, done)) {
    const size_t digits = at + start.size(), quote = svg.find('\'', digits);
    const auto number = parse_number(svg.substr(digits, quote - digits));
    const size_t stop = svg.find(end, quote);
    if (!number || stop == std::string::npos || *number >= static_cast<double>(tooltips.size())) {
      throw Error(Fault::kInternal, "gnuplot's SVG has a point without its tooltip");
    }
    out += svg.substr(done, at - done) +
           fmt::format("<g class=\"point\"><title>{}</title>",
                       markup_escaped(tooltips[static_cast<size_t>(*number)]));
    done = stop + end.size();
  }
  return out + svg.substr(done);
}

// Letters and digits of a name, for the start of identifiers.
std::string identifier(const std::string& name) {
  std::string out = "f_";
  for (const char c : name) out += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return out;
}

}  // namespace

std::string finished_svg(std::string svg, const Figure& figure) {
  const std::string name = figure.title.empty() ? figure.name : figure.title;
  replace_span(svg, "<title>", "</title>", "<title>" + markup_escaped(name) + "</title>");
  replace_span(svg, "<desc>", "</desc>", "<desc>" + markup_escaped(figure.caption) + "</desc>");
  for (const char* id : {"gpDot", "gpPt", "gnuplot_", "textbox", "greybox"}) {
    for (const char* before : {"id='", "id=\"", "'#", "\"#", "(#"}) {
      replace_all(svg, std::string(before) + id, before + identifier(figure.name) + "_" + id);
    }
  }
  replace_all(svg, "font-family=\"Liberation Sans\"",
              "font-family=\"Liberation Sans, Arial, Helvetica, sans-serif\"");
  return with_tooltips(svg, figure_tooltips(figure));
}

std::string inline_svg(std::string svg) {
  const size_t start = svg.find("<svg");
  if (start != std::string::npos) svg.erase(0, start);
  replace_span(svg, "<rect x=\"0\" y=\"0\"", "/>", "");
  replace_span(svg, "<svg", "viewBox", "<svg role=\"img\" viewBox");
  for (const char* black : {"black", "rgb(  0,   0,   0)"}) {
    for (const char* attribute : {"stroke", "fill", "color"}) {
      for (const char* quote : {"'", "\""}) {
        replace_all(svg, fmt::format("{0}={1}{2}{1}", attribute, quote, black),
                    fmt::format("{0}={1}currentColor{1}", attribute, quote));
      }
    }
  }
  return svg;
}

std::string markup_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace isomerge
