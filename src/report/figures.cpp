#include "report/figures.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "report/analysis_values.h"

namespace isomerge {
namespace {

std::optional<Figure> build_figure(const FigureEntry& entry, const Table& table,
                                   ExperimentRecords& records) {
  switch (entry.kind) {
    case FigureKind::kSweep:
      return sweep_figure(entry, table, records);
    case FigureKind::kPerTask:
      if (!entry.shows_values) return per_task_figure(entry, table, nullptr);
      break;
    case FigureKind::kDistribution:
      return distribution_figure(entry, table);
    case FigureKind::kBars:
      return bars_figure(entry, table);
    case FigureKind::kScatter:
    case FigureKind::kHeatMap:
    case FigureKind::kSpectrum:
    case FigureKind::kLines:
      break;
  }
  const std::optional<ValueTable> values = find_values(entry, table, records);
  if (!values) return {};
  if (entry.kind == FigureKind::kPerTask) return per_task_figure(entry, table, &*values);
  if (entry.kind == FigureKind::kScatter) return scatter_figure(entry, table, *values);
  if (entry.kind == FigureKind::kHeatMap) return heat_map_figure(entry, table, *values);
  return lines_figure(entry, table, *values);
}

}  // namespace

std::vector<Figure> build_figures(const Table& table, ExperimentRecords& records) {
  std::vector<Figure> figures;
  for (const FigureEntry& entry : records.experiment().figures) {
    std::optional<Figure> figure = build_figure(entry, table, records);
    if (figure) {
      figure->name = records.experiment().stem + "-" + entry.name;
      figures.push_back(std::move(*figure));
    } else {
      log_warning(fmt::format("figure \"{}\": nothing that it shows is recorded yet", entry.name));
    }
  }
  return figures;
}

}  // namespace isomerge
