#include "report/compare.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "report/csv.h"

namespace isomerge {
namespace {

using Fields = std::vector<std::string>;

// A CSV table by the key of its rows.
struct Keyed {
  Fields columns;
  std::vector<Fields> keys;  // in file order
  std::map<Fields, std::map<std::string, std::string>> rows;
};

bool is_key(const std::string& column) {
  return column == "method" || column == "title" || column == "tasks" || column == "task";
}

Keyed read_keyed(const std::string& text, const char* what) {
  const std::vector<Fields> lines = parse_csv(text);
  if (lines.empty() || lines[0].size() < 3 || lines[0][0] != "method" || lines[0][1] != "title") {
    throw input_error(fmt::format("{} table: not a CSV table of isomerge", what));
  }
  Keyed out;
  out.columns = lines[0];
  for (size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].size() != out.columns.size()) {
      throw input_error(fmt::format("{} table: line {}: expected {} fields, got {}", what, i + 1,
                                    out.columns.size(), lines[i].size()));
    }
    Fields key;
    std::map<std::string, std::string> row;
    for (size_t c = 0; c < out.columns.size(); ++c) {
      row[out.columns[c]] = lines[i][c];
      if (is_key(out.columns[c])) key.push_back(lines[i][c]);
    }
    if (!out.rows.emplace(key, row).second) {
      throw input_error(
          fmt::format("{} table: line {}: a second row for {}", what, i + 1, join(key, ", ")));
    }
    out.keys.push_back(key);
  }
  return out;
}

// "Iso-CTS, 8 tasks" or "Iso-CTS, digits".
std::string row_label(const std::map<std::string, std::string>& row) {
  const auto task = row.find("task");
  if (task != row.end()) return fmt::format("{}, {}", row.at("title"), task->second);
  const std::string& tasks = row.at("tasks");
  const auto spaces = std::count(tasks.begin(), tasks.end(), ' ');
  return fmt::format("{}, {} task{}", row.at("title"), spaces + 1, spaces == 0 ? "" : "s");
}

}  // namespace

std::vector<CellDifference> csv_differences(const std::string& reference, const std::string& got) {
  const Keyed before = read_keyed(reference, "reference");
  const Keyed after = read_keyed(got, "new");
  std::vector<CellDifference> out;
  if (before.columns != after.columns) {
    throw input_error(
        fmt::format("the reference table has other columns ({}) than the new one ({})",
                    join(before.columns, ", "), join(after.columns, ", ")));
  }
  for (const Fields& key : before.keys) {
    const auto& row = before.rows.at(key);
    const auto found = after.rows.find(key);
    if (found == after.rows.end()) {
      out.push_back({row_label(row), "", "present", "absent"});
      continue;
    }
    for (const std::string& column : before.columns) {
      if (row.at(column) == found->second.at(column)) continue;
      out.push_back({row_label(row), column, row.at(column), found->second.at(column)});
    }
  }
  for (const Fields& key : after.keys) {
    if (before.rows.count(key) == 0) {
      out.push_back({row_label(after.rows.at(key)), "", "absent", "present"});
    }
  }
  return out;
}

std::string comparison_text(const std::vector<CellDifference>& differences) {
  if (differences.empty()) return "identical\n";
  std::vector<Fields> lines = {{"row", "column", "reference", "new", "difference"}};
  for (const CellDifference& one : differences) {
    const auto before = parse_number(one.reference), after = parse_number(one.got);
    lines.push_back({one.row, one.column, one.reference, one.got,
                     before && after ? fmt::format("{:+.4g}", *after - *before) : ""});
  }
  std::vector<size_t> widths(lines[0].size(), 0);
  for (const Fields& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const Fields& line : lines) {
    std::string row;
    for (size_t i = 0; i < line.size(); ++i) row += fmt::format("{:<{}}  ", line[i], widths[i]);
    text += row.substr(0, row.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace isomerge
