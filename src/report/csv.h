// report/csv.h -- a table as CSV (RFC 4180, but with "\n" line ends) and as JSON: numbers in full
// precision, 0..1.
#pragma once

#include <string>
#include <vector>

#include "report/table.h"

namespace isomerge {

// One line, its fields quoted where need be.
std::string csv_line(const std::vector<std::string>& fields);

// One line per row: method, title, tasks, configuration, alpha, alpha_at_edge, accuracy, low, high,
// normalised, nai, to_best (difference to the best row, with its interval to_best_low,
// to_best_high), note. Empty fields where nothing is known.
std::string csv_text(const Table& table);

// Long form, one line per row and task: method, title, tasks, task, correct, total, accuracy, low,
// high, normalised, note; and chosen, where a task of the table has an option of its own.
std::string csv_tasks_text(const Table& table);

// Everything of the table, for --json.
std::string json_text(const Table& table);

// Lines of fields; quotes removed. Throws Error(kInput) on a quote that is never closed.
std::vector<std::vector<std::string>> parse_csv(const std::string& text);

}  // namespace isomerge
