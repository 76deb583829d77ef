// config/refinement.h -- a finer search around the best point of a grid.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/experiment.h"

namespace isomerge {

// The value of an axis, "alpha" or an option; nothing where it is no number, or the candidate has
// none.
std::optional<double> axis_value(const Candidate& candidate, const std::string& axis);

// Candidates beside candidate `best` of the row: for each of `axes` that is a number ("alpha", or
// an option), half-way to the next smaller and the next larger value that the row has of it, all
// else as it is. Integers are rounded down; what the row has already is left out. By axis, the
// smaller first.
std::vector<Candidate> candidates_around(const Row& row, size_t best,
                                         const std::vector<std::string>& axes);

// The row with what `select.refine` rounds add to its candidates: each looks around the best of all
// before it, so steps halve. `best` tells the best candidate once every one is known, nothing
// before: then later rounds are still open.
Row refined_row(Row row, const Select& select,
                const std::function<std::optional<size_t>(const Row&)>& best);

}  // namespace isomerge
