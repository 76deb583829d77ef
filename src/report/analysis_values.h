// report/analysis_values.h -- the values that a figure shows, of an analysis or of a file.
#pragma once

#include <optional>

#include "config/figure_entry.h"
#include "report/records.h"
#include "report/table.h"
#include "report/values.h"

namespace isomerge {

// entry.values as it is, or the records of entry.analysis, row by row of the table: "method" (the
// row's title) and "tasks" (how many), then the columns of the analysis. Rows without a chosen
// candidate or without a record are left out; nothing if none is left.
std::optional<ValueTable> find_values(const FigureEntry& entry, const Table& table,
                                      ExperimentRecords& records);

}  // namespace isomerge
