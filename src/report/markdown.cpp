#include "report/markdown.h"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"

namespace isomerge {
namespace {

using Lines = std::vector<std::vector<std::string>>;  // the first is the heading

std::string percent(double value) { return fmt::format("{:.2f}", 100.0 * value); }

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

// What the "Tasks" column says: how many, or which where sets of one size differ. Empty for a table
// with a single set, which needs no such column.
std::vector<std::string> task_set_texts(const Table& table) {
  std::set<std::vector<std::string>> sets;
  std::set<size_t> sizes;
  std::vector<std::vector<std::string>> per_row;
  for (const TableRow& row : table.rows) {
    per_row.emplace_back();
    for (const TaskCell& cell : row.cells) per_row.back().push_back(cell.task);
    sets.insert(per_row.back());
    sizes.insert(per_row.back().size());
  }
  std::vector<std::string> texts;
  if (sets.size() < 2) return texts;
  for (const auto& tasks : per_row) {
    texts.push_back(sizes.size() == sets.size() ? std::to_string(tasks.size()) : join(tasks, ", "));
  }
  return texts;
}

std::string mean_text(const TableRow& row) {
  if (!row.accuracy) return row.note;
  if (!row.normalised) return percent(*row.accuracy);
  return fmt::format("{} ({})", percent(*row.accuracy), percent(*row.normalised));
}

std::string interval_text(const TableRow& row) {
  if (!row.interval) return "";
  return fmt::format("[{}, {}]", percent(row.interval->low), percent(row.interval->high));
}

std::string alpha_text(const TableRow& row) {
  if (!row.alpha) return "";
  return number_text(*row.alpha) + (row.alpha_at_edge ? " (edge)" : "");
}

Lines mean_lines(const Table& table, const std::vector<std::string>& task_sets) {
  const bool selected = std::any_of(table.rows.begin(), table.rows.end(),
                                    [](const TableRow& row) { return !row.selected.empty(); });
  Lines lines(1);
  lines[0] = {"Method", "Accuracy (normalised)", "95 % interval", "alpha"};
  if (selected) lines[0].push_back("Chosen");
  if (!task_sets.empty()) lines[0].insert(lines[0].begin() + 1, "Tasks");
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const TableRow& row = table.rows[i];
    lines.push_back({escaped(row.title), mean_text(row), interval_text(row), alpha_text(row)});
    if (selected) lines.back().push_back(row.selected);
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
  const std::vector<std::string> task_sets = task_set_texts(table);
  const std::string split = table.split == "val" ? "validation" : table.split;
  std::string text = fmt::format("## {}\n\n", table.title);
  text += fmt::format(
      "Mean accuracy over tasks in percent, {} split; in parentheses normalised by the fine-tuned "
      "models.\n\n",
      split);
  text += pipe_table(mean_lines(table, task_sets));
  text += "\nAccuracy per task in percent:\n\n";
  text += pipe_table(task_lines(table, task_sets));
  for (const std::string& note : table.footnotes) text += fmt::format("\n- {}", escaped(note));
  if (!table.footnotes.empty()) text += "\n";
  return text;
}

}  // namespace isomerge
