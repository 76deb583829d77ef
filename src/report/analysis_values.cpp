#include "report/analysis_values.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace isomerge {
namespace {

std::optional<AnalysisRecord> find_record(const AnalysisEntry& analysis, const TableRow& row,
                                          ExperimentRecords& records) {
  if (!row.source || !row.candidate || !analyses_row(analysis, *row.source)) return {};
  return records.find_analysis(analysis, *row.source, row.source->candidates[*row.candidate]);
}

}  // namespace

std::optional<ValueTable> find_values(const FigureEntry& entry, const Table& table,
                                      ExperimentRecords& records) {
  if (entry.analysis.empty()) return ValueTable(entry.values);
  const auto& analyses = records.experiment().analyses;
  const AnalysisEntry& analysis =
      *std::find_if(analyses.begin(), analyses.end(),
                    [&](const AnalysisEntry& known) { return known.name == entry.analysis; });
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> lines;
  for (const TableRow& row : table.rows) {
    std::optional<AnalysisRecord> record = find_record(analysis, row, records);
    if (!record) continue;
    columns = {"method", "tasks"};
    columns.insert(columns.end(), record->columns.begin(), record->columns.end());
    for (auto& line : record->lines) {
      line.insert(line.begin(), {row.title, std::to_string(row.cells.size())});
      lines.push_back(std::move(line));
    }
  }
  if (lines.empty()) return {};
  return ValueTable("analysis \"" + analysis.name + "\"", std::move(columns), std::move(lines));
}

}  // namespace isomerge
