// report/markdown.h -- a table as Markdown that is aligned in a terminal too. Percent, two digits.
#pragma once

#include <string>

#include "report/table.h"

namespace isomerge {

// Heading, table, footnotes; ends with a newline. Widths count code points.
std::string markdown_text(const Table& table);

}  // namespace isomerge
