#include "report/csv.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "report/cells.h"

namespace isomerge {
namespace {

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string out = "\"";
  for (const char c : field) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string optional_text(const std::optional<double>& value) {
  return value ? number_text(*value) : "";
}

std::string task_set_text(const TableRow& row) {
  std::vector<std::string> names;
  for (const TaskCell& cell : row.cells) names.push_back(cell.task);
  return join(names, " ");
}

bool has_chosen(const Table& table) {
  return std::any_of(table.rows.begin(), table.rows.end(), [](const TableRow& row) {
    return std::any_of(row.cells.begin(), row.cells.end(),
                       [](const TaskCell& cell) { return !cell.chosen.empty(); });
  });
}

}  // namespace

std::string csv_line(const std::vector<std::string>& fields) {
  std::vector<std::string> parts;
  for (const std::string& field : fields) parts.push_back(quoted(field));
  return join(parts, ",") + "\n";
}

std::string csv_text(const Table& table) {
  std::vector<std::string> heading = {"method",      "title",         "tasks",    "configuration",
                                      "alpha",       "alpha_at_edge", "accuracy", "low",
                                      "high",        "normalised",    "nai",      "to_best",
                                      "to_best_low", "to_best_high",  "note"};
  const bool published = has_published(table);
  if (published) heading.insert(heading.end(), {"published", "published_normalised"});
  const bool without = has_without(table);
  if (without) heading.insert(heading.end(), {"without", "accuracy_without", "normalised_without"});
  std::string text = csv_line(heading);
  for (const TableRow& row : table.rows) {
    std::vector<std::string> fields = {row.method,
                                       row.title,
                                       task_set_text(row),
                                       row.chosen,
                                       optional_text(row.alpha),
                                       row.alpha_at_edge ? "true" : "false",
                                       optional_text(row.accuracy),
                                       row.interval ? number_text(row.interval->low) : "",
                                       row.interval ? number_text(row.interval->high) : "",
                                       optional_text(row.normalised),
                                       optional_text(row.nai),
                                       row.to_best ? number_text(row.to_best->value) : "",
                                       row.to_best ? number_text(row.to_best->interval.low) : "",
                                       row.to_best ? number_text(row.to_best->interval.high) : "",
                                       row.note};
    if (published) {
      fields.push_back(row.published ? optional_text(row.published->accuracy) : "");
      fields.push_back(row.published ? optional_text(row.published->normalised) : "");
    }
    if (without) {
      fields.push_back(row.without ? table.without : "");
      fields.push_back(row.without ? number_text(row.without->accuracy) : "");
      fields.push_back(row.without ? optional_text(row.without->normalised) : "");
    }
    text += csv_line(fields);
  }
  return text;
}

std::string csv_tasks_text(const Table& table) {
  std::vector<std::string> heading = {"method", "title",    "tasks", "task", "correct",
                                      "total",  "accuracy", "low",   "high", "normalised",
                                      "nai",    "note",     "record"};
  const bool is_chosen = has_chosen(table);
  if (is_chosen) heading.push_back("chosen");
  std::string text = csv_line(heading);
  for (const TableRow& row : table.rows) {
    for (const TaskCell& cell : row.cells) {
      std::vector<std::string> numbers(5);
      if (cell.accuracy) {
        const Interval interval = wilson_interval(*cell.accuracy);
        numbers = {number_text(cell.accuracy->correct), std::to_string(cell.accuracy->total),
                   number_text(cell.accuracy->value()), number_text(interval.low),
                   number_text(interval.high)};
      }
      std::vector<std::string> fields = {row.method, row.title, task_set_text(row), cell.task};
      fields.insert(fields.end(), numbers.begin(), numbers.end());
      fields.insert(fields.end(),
                    {optional_text(cell.normalised), optional_text(cell.nai), cell.note, cell.key});
      if (is_chosen) fields.push_back(cell.chosen);
      text += csv_line(fields);
    }
  }
  return text;
}

std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> lines;
  bool inside = false;   // a quoted field
  bool at_start = true;  // of a line: no field begun
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (at_start) lines.push_back({""});
    at_start = false;
    std::string& field = lines.back().back();
    if (inside && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      field += '"';
      ++i;
    } else if (c == '"') {
      inside = !inside;
    } else if (inside || (c != ',' && c != '\n' && c != '\r')) {
      field += c;
    } else if (c == ',') {
      lines.back().emplace_back();
    } else if (c == '\n') {
      at_start = true;
    }
  }
  if (inside)
    throw input_error(fmt::format("CSV: a quote in line {} is never closed", lines.size()));
  return lines;
}

}  // namespace isomerge
