// report/cells.h -- what the cells of a table say, alike in Markdown, LaTeX and HTML.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/table.h"

namespace isomerge {

std::string percent(double value);                        // 0.90573 -> "90.57"
std::string percent(const std::optional<double>& value);  // "" for nothing
std::string interval_text(const Interval& interval);      // "[89.92, 91.20]", percent

bool has_published(const Table& table);

// "84.3 (90.6)", percent, as mean_text() of the rows; "+0.2": how far the row is above it. "" where
// nothing is published, or nothing measured.
std::string published_text(const TableRow& row);
std::string above_published_text(const TableRow& row);

// "84.31 (90.62)", percent, as mean_text() of the rows: the means without the tasks that the report
// leaves out, and their heading, "Without DTD".
std::string without_text(const TableRow& row);
std::string without_title(const Table& table);
bool has_without(const Table& table);

// "1.2", with " (edge)" where the grid ends; "" where there is none.
std::string alpha_text(const TableRow& row);

std::string split_text(const std::string& split);  // "validation", "test"

// The different task sets of the rows, in the order they come up.
std::vector<std::vector<std::string>> task_sets(const Table& table);

// What each of them is told by: how many tasks, "8", or which where sets of one size differ.
std::vector<std::string> task_set_texts(const Table& table,
                                        const std::vector<std::vector<std::string>>& sets);

// The same where nothing around it says what the number is: "8 tasks".
std::vector<std::string> task_set_titles(const Table& table,
                                         const std::vector<std::vector<std::string>>& sets);

std::vector<std::string> task_set(const TableRow& row);

// The rows of one title, side by side: one per task set of the table, null where there is none.
struct TitledRows {
  std::string title;
  std::vector<const TableRow*> rows;
};
std::vector<TitledRows> rows_by_title(const Table& table);

// Those as a heading and a line each: what escape() makes of titles, and mean_text() of rows.
template <typename Escape, typename MeanText>
std::vector<std::vector<std::string>> mean_lines_by_title(const Table& table, const Escape& escape,
                                                          const MeanText& mean_text) {
  std::vector<std::vector<std::string>> lines = {{"Method"}};
  for (const std::string& title : task_set_titles(table, task_sets(table))) {
    lines[0].push_back(escape(title));
  }
  for (const TitledRows& titled : rows_by_title(table)) {
    lines.push_back({escape(titled.title)});
    for (const TableRow* row : titled.rows) lines.back().push_back(row ? mean_text(*row) : "");
  }
  return lines;
}

// The title of a task's column.
const std::string& task_title(const Table& table, const std::string& task);

}  // namespace isomerge
