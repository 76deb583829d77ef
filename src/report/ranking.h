// report/ranking.h -- which rows of a table are best, and which of the others chance could put
// there.
#pragma once

#include "report/table.h"

namespace isomerge {

// Fills `standing` and `to_best` of the rows whose mean is known, and adds the footnote that
// explains the mark of is_tied(). Compared are rows of one task set that hold one merged model: not
// the trivial rows, not a model per task (tall_mask). Rows of equal accuracy share a standing.
void rank_rows(Table& table, const ExperimentRecords& records);

}  // namespace isomerge
