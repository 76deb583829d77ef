// report/sweep.h -- one axis of an experiment's grid, seen through its records: what a sweep shows.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/figure_entry.h"
#include "report/records.h"
#include "report/table.h"

namespace isomerge {

struct SweepPoint {
  double x = 0.0;                         // of the axis
  std::map<std::string, double> by_task;  // in units of the figure's axis; tasks that are known
  std::optional<double> mean;             // over the task set, where all are known
  std::optional<double> score;            // on the selection split
  // Tasks of the merges for which it is the first with the highest score of their line: all of the
  // line's or none, but where each task is merged alone.
  std::set<std::string> chosen_for;
};

struct SweepLine {
  std::string title;  // the method's, with what tells it from its neighbours
  std::vector<std::string> task_set;
  std::vector<SweepPoint> points;  // ascending in x
};

struct Sweep {
  std::vector<SweepLine> lines;
  std::vector<SweepLine> references;  // without the axis: one point, whose x means nothing
  std::string split;                  // on which the values are measured
};

// Rows that differ in the axis alone make one line. Where a row has several candidates at one value
// of the axis, the one with the highest score on the selection split stands for it. The axis is
// entry.x: "alpha", "tasks" (their number; then task sets share a line), or an option with numbers.
// Merges of one task each share a line as well, in which every task has its own model.
// Values are on entry.split; without one, on the selection split where the axis is chosen there, on
// the report's where it makes rows.
Sweep find_sweep(const FigureEntry& entry, const Table& table, ExperimentRecords& records);

}  // namespace isomerge
