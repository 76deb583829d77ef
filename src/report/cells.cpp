#include "report/cells.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {

std::string percent(double value) { return fmt::format("{:.2f}", 100.0 * value); }

std::string percent(const std::optional<double>& value) { return value ? percent(*value) : ""; }

std::string interval_text(const Interval& interval) {
  return fmt::format("[{}, {}]", percent(interval.low), percent(interval.high));
}

bool has_published(const Table& table) {
  return std::any_of(table.rows.begin(), table.rows.end(),
                     [](const TableRow& row) { return row.published.has_value(); });
}

std::string published_text(const TableRow& row) {
  if (!row.published) return "";
  std::vector<std::string> parts;
  if (row.published->accuracy)
    parts.push_back(fmt::format("{:.1f}", 100.0 * *row.published->accuracy));
  if (row.published->normalised) {
    parts.push_back(fmt::format("({:.1f})", 100.0 * *row.published->normalised));
  }
  return join(parts, " ");
}

std::string above_published_text(const TableRow& row) {
  if (!row.published || !row.accuracy) return "";
  if (row.published->accuracy) {
    return fmt::format("{:+.1f}", 100.0 * (*row.accuracy - *row.published->accuracy));
  }
  if (!row.normalised) return "";
  return fmt::format("({:+.1f})", 100.0 * (*row.normalised - row.published->normalised.value()));
}

bool has_without(const Table& table) {
  return std::any_of(table.rows.begin(), table.rows.end(),
                     [](const TableRow& row) { return row.without.has_value(); });
}

std::string without_title(const Table& table) { return "Without " + table.without; }

std::string without_text(const TableRow& row) {
  if (!row.without) return "";
  const std::string accuracy = percent(row.without->accuracy);
  if (!row.without->normalised) return accuracy;
  return fmt::format("{} ({})", accuracy, percent(*row.without->normalised));
}

std::string alpha_text(const TableRow& row) {
  if (!row.alpha) return "";
  return number_text(*row.alpha) + (row.alpha_at_edge ? " (edge)" : "");
}

std::string split_text(const std::string& split) { return split == "val" ? "validation" : split; }

std::vector<std::vector<std::string>> task_sets(const Table& table) {
  std::vector<std::vector<std::string>> sets;
  for (const TableRow& row : table.rows) {
    const std::vector<std::string> set = task_set(row);
    if (std::find(sets.begin(), sets.end(), set) == sets.end()) sets.push_back(set);
  }
  return sets;
}

std::vector<std::string> task_set_texts(const Table& table,
                                        const std::vector<std::vector<std::string>>& sets) {
  std::map<size_t, int> sets_of_size;
  for (const auto& set : sets) ++sets_of_size[set.size()];
  std::vector<std::string> texts;
  for (const auto& set : sets) {
    if (sets_of_size.at(set.size()) == 1) {
      texts.push_back(std::to_string(set.size()));
      continue;
    }
    std::vector<std::string> titles;
    for (const std::string& task : set) titles.push_back(task_title(table, task));
    texts.push_back(join(titles, ", "));
  }
  return texts;
}

std::vector<std::string> task_set_titles(const Table& table,
                                         const std::vector<std::vector<std::string>>& sets) {
  std::vector<std::string> titles = task_set_texts(table, sets);
  for (std::string& title : titles) {
    if (parse_number(title)) title += title == "1" ? " task" : " tasks";
  }
  return titles;
}

std::vector<std::string> task_set(const TableRow& row) {
  std::vector<std::string> tasks;
  for (const TaskCell& cell : row.cells) tasks.push_back(cell.task);
  return tasks;
}

const std::string& task_title(const Table& table, const std::string& task) {
  for (const TableColumn& column : table.tasks) {
    if (column.task == task) return column.title;
  }
  throw Error(Fault::kInternal, fmt::format("the table has no task \"{}\"", task));
}

std::vector<TitledRows> rows_by_title(const Table& table) {
  const auto sets = task_sets(table);
  std::vector<TitledRows> lines;
  for (const TableRow& row : table.rows) {
    auto line = std::find_if(lines.begin(), lines.end(),
                             [&](const TitledRows& known) { return known.title == row.title; });
    if (line == lines.end()) {
      lines.push_back({row.title, std::vector<const TableRow*>(sets.size(), nullptr)});
      line = lines.end() - 1;
    }
    const auto at = std::find(sets.begin(), sets.end(), task_set(row)) - sets.begin();
    line->rows[static_cast<size_t>(at)] = &row;
  }
  return lines;
}

}  // namespace isomerge
