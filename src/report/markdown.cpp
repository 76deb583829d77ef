#include "report/markdown.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "report/cells.h"

namespace isomerge {
namespace {

using Lines = std::vector<std::vector<std::string>>;  // the first is the heading

// Characters as a terminal shows them, near enough: UTF-8 continuation bytes take no room.
size_t width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

// First column to the left, numbers to the right.
std::string pipe_table(const Lines& lines) {
  std::vector<size_t> widths(lines.front().size(), 3);
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
  }
  std::string text;
  for (size_t number = 0; number < lines.size(); ++number) {
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string& cell = lines[number][i];
      const std::string padding(widths[i] - width(cell), ' ');
      text +=
          i == 0 ? fmt::format("| {}{} |", cell, padding) : fmt::format(" {}{} |", padding, cell);
    }
    text += "\n";
    if (number > 0) continue;
    for (size_t i = 0; i < widths.size(); ++i) {
      text += i == 0 ? fmt::format("| {} |", std::string(widths[i], '-'))
                     : fmt::format(" {}: |", std::string(widths[i] - 1, '-'));
    }
    text += "\n";
  }
  return text;
}

// What the "Tasks" column says. Empty for a table with a single set, which needs no such column.
std::vector<std::string> tasks_column(const Table& table) {
  const std::vector<std::vector<std::string>> sets = task_sets(table);
  std::vector<std::string> texts;
  if (sets.size() < 2) return texts;
  const std::vector<std::string> of_sets = task_set_texts(table, sets);
  for (const TableRow& row : table.rows) {
    const auto at = std::find(sets.begin(), sets.end(), task_set(row)) - sets.begin();
    texts.push_back(escaped(of_sets[static_cast<size_t>(at)]));
  }
  return texts;
}

std::string mean_text(const TableRow& row) {
  if (!row.accuracy) return row.note;
  const std::string mark = row.is_tied() ? "† " : "";
  if (!row.normalised) return mark + percent(*row.accuracy);
  return fmt::format("{}{} ({})", mark, percent(*row.accuracy), percent(*row.normalised));
}

Lines mean_lines(const Table& table, const std::vector<std::string>& task_sets) {
  const bool selected = std::any_of(table.rows.begin(), table.rows.end(),
                                    [](const TableRow& row) { return !row.selected.empty(); });
  Lines lines(1);
  lines[0] = {"Method", "Accuracy (normalised)", "95 % interval", "alpha"};
  if (selected) lines[0].push_back("Chosen");
  const bool published = has_published(table);
  if (published) lines[0].insert(lines[0].end(), {"Published", "Difference"});
  const bool without = has_without(table);
  if (without) lines[0].push_back(escaped(without_title(table)));
  if (!task_sets.empty()) lines[0].insert(lines[0].begin() + 1, "Tasks");
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const TableRow& row = table.rows[i];
    lines.push_back({escaped(row.title), mean_text(row),
                     row.interval ? interval_text(*row.interval) : "", alpha_text(row)});
    if (selected) lines.back().push_back(row.selected);
    if (published) {
      lines.back().insert(lines.back().end(), {published_text(row), above_published_text(row)});
    }
    if (without) lines.back().push_back(without_text(row));
    if (!task_sets.empty()) lines.back().insert(lines.back().begin() + 1, task_sets[i]);
  }
  return lines;
}

Lines task_lines(const Table& table, const std::vector<std::string>& task_sets) {
  Lines lines = {{"Method"}};
  if (!task_sets.empty()) lines[0].push_back("Tasks");
  for (const TableColumn& column : table.tasks) lines[0].push_back(escaped(column.title));
  for (size_t i = 0; i < table.rows.size(); ++i) {
    lines.push_back({escaped(table.rows[i].title)});
    if (!task_sets.empty()) lines.back().push_back(task_sets[i]);
    for (const TableColumn& column : table.tasks) {
      std::string text;  // stays empty for a task that is not in the row's set
      for (const TaskCell& cell : table.rows[i].cells) {
        if (cell.task == column.task)
          text = cell.accuracy ? percent(cell.accuracy->value()) : cell.note;
      }
      lines.back().push_back(text);
    }
  }
  return lines;
}

}  // namespace

std::string markdown_text(const Table& table) {
  const std::vector<std::string> task_sets = tasks_column(table);
  std::string text = fmt::format("## {}\n\n", table.title);
  text += fmt::format(
      "Mean accuracy over tasks in percent, {} split; in parentheses normalised by the fine-tuned "
      "models.\n\n",
      split_text(table.split));
  if (!task_sets.empty()) {
    text += pipe_table(mean_lines_by_title(table, escaped, mean_text)) +
            "\nWith intervals, and what was chosen:\n\n";
  }
  text += pipe_table(mean_lines(table, task_sets));
  text += "\nAccuracy per task in percent:\n\n";
  text += pipe_table(task_lines(table, task_sets));
  for (const std::string& note : table.footnotes) text += fmt::format("\n- {}", escaped(note));
  if (!table.footnotes.empty()) text += "\n";
  return text;
}

}  // namespace isomerge
