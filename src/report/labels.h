// report/labels.h -- what to call the rows of a table.
#pragma once

#include <string>
#include <vector>

#include "config/experiment.h"

namespace isomerge {

// One title per row: the method's, and in parentheses the fixed options (and alpha) in which it
// differs from other rows of that method: "Iso-CTS (common_fraction 0.9)".
std::vector<std::string> row_titles(const std::vector<Row>& rows);

// The options of `row` that were chosen on validation besides alpha, at this candidate:
// "common_fraction=0.8"; empty if there are none.
std::string selected_text(const Row& row, const Candidate& chosen);

}  // namespace isomerge
