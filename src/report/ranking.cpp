#include "report/ranking.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "config/method_info.h"

namespace isomerge {
namespace {

bool holds_one_model(const TableRow& row) {
  return row.accuracy && require_method_info(row.method).merges &&
         row.source->candidates.at(*row.candidate).by_task.empty();
}

Difference difference(const TableRow& row, const TableRow& best, const ExperimentRecords& records) {
  std::vector<PairedCounts> tasks;
  for (size_t i = 0; i < row.cells.size(); ++i) {
    tasks.push_back(
        count_pairs(records.at(row.cells[i].key).outcomes, records.at(best.cells[i].key).outcomes));
  }
  return paired_difference(tasks);
}

// Rows of one task set.
void rank_group(const std::vector<TableRow*>& rows, const ExperimentRecords& records) {
  const auto lower = [](const TableRow* a, const TableRow* b) {
    return *a->accuracy < *b->accuracy;
  };
  const TableRow* best = *std::max_element(rows.begin(), rows.end(), lower);
  const TableRow* second = nullptr;
  for (TableRow* row : rows) {
    if (!lower(row, best)) {
      row->standing = Standing::kBest;
      continue;
    }
    row->to_best = difference(*row, *best, records);
    if (second == nullptr || lower(second, row)) second = row;
  }
  for (TableRow* row : rows) {
    if (second != nullptr && *row->accuracy == *second->accuracy) row->standing = Standing::kSecond;
  }
}

}  // namespace

void rank_rows(Table& table, const ExperimentRecords& records) {
  std::map<std::vector<std::string>, std::vector<TableRow*>> groups;
  for (TableRow& row : table.rows) {
    if (holds_one_model(row)) groups[row.source->task_set].push_back(&row);
  }
  for (const auto& [task_set, rows] : groups) rank_group(rows, records);
  if (std::any_of(table.rows.begin(), table.rows.end(),
                  [](const TableRow& row) { return row.is_tied(); })) {
    table.footnotes.push_back(fmt::format(
        "†: not significantly below the best merged model of the same tasks: the 95 % interval of "
        "the difference, by a paired bootstrap over examples ({} resamples), contains 0. Each "
        "difference by itself, without correction for their number.",
        with_commas(kResamples)));
  }
}

}  // namespace isomerge
