// report/compare.h -- how a table differs from a committed one.
#pragma once

#include <string>
#include <vector>

namespace isomerge {

// One cell that differs between two CSV tables. A row of one that the other lacks is one entry with
// an empty column.
struct CellDifference {
  std::string row;  // first and further key fields: "Iso-CTS, 8 tasks"
  std::string column;
  std::string reference;
  std::string got;
};

// Rows are paired by their fields `method`, `title`, `tasks` and, where there is one, `task`.
// Throws Error(kInput) if one of the texts is no CSV with these columns.
std::vector<CellDifference> csv_differences(const std::string& reference, const std::string& got);

// "identical", or one aligned line per difference: row, column, reference, new, difference (of
// numbers). Ends with a newline.
std::string comparison_text(const std::vector<CellDifference>& differences);

}  // namespace isomerge
