// report/latex.h -- a table as LaTeX with booktabs, to be read by \input. Percent, two digits.
#pragma once

#include <string>
#include <vector>

#include "report/figure.h"
#include "report/table.h"

namespace isomerge {

// Two floats: the means, a row per title and a column per task set; and a task per row, a method
// per column, for every task set. In each column the best merged model is bold, the second
// underlined (report/ranking.h says which rows take part). Footnotes are in the captions.
std::string latex_text(const Table& table);

// One float per figure, with its caption; takes <figure.name>.pdf.
std::string latex_figures_text(const std::vector<Figure>& figures);

// `text` so that LaTeX prints it as it is.
std::string latex_escaped(const std::string& text);

}  // namespace isomerge
