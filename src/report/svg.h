// report/svg.h -- what is done to the SVG that gnuplot writes.
#pragma once

#include <string>

#include "report/figure.h"

namespace isomerge {

// Title and description of the figure instead of gnuplot's, its tooltips instead of their numbers,
// identifiers of its own, and a list of fonts that other machines have. Throws Error(kInternal) if
// the text is not what gnuplot 5.4 to 6 writes.
std::string finished_svg(std::string svg, const Figure& figure);

// The same figure as part of a page: without XML declaration and background, black as the page's
// own colour of text, width as the page gives it.
std::string inline_svg(std::string svg);

// `text` between the tags, or in an attribute, of XML and HTML.
std::string markup_escaped(const std::string& text);

}  // namespace isomerge
