#include "report/sweep.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/configuration.h"
#include "config/mask_rows.h"
#include "config/refinement.h"
#include "report/cells.h"
#include "report/figure_parts.h"
#include "report/labels.h"

namespace isomerge {
namespace {

// One candidate of a row, at a value of the axis.
struct Place {
  const Row* row = nullptr;
  size_t candidate = 0;
  std::optional<double> score;
};

// Rows that differ in the axis alone.
struct Group {
  Row row;  // the first of them, without the axis
  std::map<double, std::vector<Place>> places;
  std::vector<Place> without_axis;
};

// The row as it is apart from the axis: what its group has in common.
Row without_axis(Row row, const std::string& axis) {
  for (Candidate& candidate : row.candidates) {
    candidate.options.erase(axis);
    if (axis == "alpha") candidate.alpha.reset();
  }
  return row;
}

// Equal for rows of one group: settings of all candidates but the axis, and the task set.
std::string group_key(const Row& row, const std::string& axis) {
  std::string key = row.method;
  std::string last;
  for (const Candidate& candidate : without_axis(row, axis).candidates) {
    const std::string text = configuration_text({row.method, candidate.options, candidate.alpha});
    if (text != last) key += "\n" + text;
    last = text;
  }
  if (axis == "tasks") return key;
  for (const std::string& task : row.task_set) key += "\n" + task;
  return key;
}

// The row without lambdas that were chosen on validation: like a chosen alpha, they do not tell
// rows apart.
Row without_chosen_lambdas(Row row, const Experiment& experiment) {
  const bool was_chosen =
      std::any_of(experiment.rows.begin(), experiment.rows.end(), [&](const Row& asked) {
        return asked.method == row.method && asked.task_set == row.task_set && needs_lambdas(asked);
      });
  for (Candidate& candidate : row.candidates) {
    if (was_chosen) candidate.options.erase("lambdas");
  }
  return row;
}

std::vector<Group> find_groups(const std::string& axis, const std::vector<const TableRow*>& rows,
                               ExperimentRecords& records) {
  std::vector<Group> groups;
  std::map<std::string, size_t> known;
  for (const TableRow* from : rows) {
    if (!from->source) continue;  // its lambdas are not known yet
    const Row& row = *from->source;
    const Row common = without_chosen_lambdas(row, records.experiment());
    const auto [place, is_new] = known.emplace(group_key(common, axis), groups.size());
    if (is_new) groups.push_back({without_axis(common, axis), {}, {}});
    Group& group = groups[place->second];
    const std::vector<CandidateScore> scores = records.scores(row);
    for (size_t i = 0; i < row.candidates.size(); ++i) {
      Place at{&row, i, {}};
      if (scores[i].state == CandidateScore::State::kKnown) at.score = scores[i].value;
      const std::optional<double> x = axis == "tasks" ? static_cast<double>(row.task_set.size())
                                                      : axis_value(row.candidates[i], axis);
      (x ? group.places[*x] : group.without_axis).push_back(at);
    }
  }
  return groups;
}

void set_mean(size_t tasks, SweepPoint& point) {
  point.mean.reset();
  if (point.by_task.size() != tasks) return;
  double sum = 0.0;
  for (const auto& [task, value] : point.by_task) sum += value;
  point.mean = sum / static_cast<double>(tasks);
}

// One candidate on the tasks of its row.
SweepPoint measure(const Place& place, Quantity quantity, const std::string& split,
                   ExperimentRecords& records) {
  SweepPoint point;
  point.score = place.score;
  for (const std::string& task : place.row->task_set) {
    const auto accuracy = [&](const Row& row, const Candidate& candidate) {
      return find_accuracy(records.find(row, candidate, task, split));
    };
    TaskCell cell{task, accuracy(*place.row, place.row->candidates[place.candidate])};
    const Row zero_shot = zero_shot_row({task});
    const auto single = records.reference(task, split);
    const auto base = accuracy(zero_shot, zero_shot.candidates.front());
    if (cell.accuracy && single) cell.normalised = normalised_accuracy(*cell.accuracy, *single);
    if (cell.accuracy && single && base) {
      cell.nai = accuracy_improvement(*cell.accuracy, *base, *single);
    }
    const std::optional<double> value = cell_value(cell, quantity);
    if (value) point.by_task[task] = *value;
  }
  set_mean(place.row->task_set.size(), point);
  return point;
}

// The candidate with the highest score among those that are measured; nothing if none is.
std::optional<SweepPoint> best_point(const std::vector<Place>& places, Quantity quantity,
                                     const std::string& split, ExperimentRecords& records) {
  std::optional<SweepPoint> best;
  for (const Place& place : places) {
    SweepPoint point = measure(place, quantity, split, records);
    if (point.by_task.empty()) continue;
    if (!best || point.score > best->score) best = std::move(point);  // nothing is below any score
  }
  return best;
}

// Lines of one title, which differ in their single task, as one.
void join_single_tasks(std::vector<SweepLine>& lines) {
  std::vector<SweepLine> out;
  for (SweepLine& line : lines) {
    const auto same = std::find_if(out.begin(), out.end(), [&](const SweepLine& other) {
      return other.title == line.title && line.task_set.size() == 1;
    });
    if (same == out.end()) {
      out.push_back(std::move(line));
      continue;
    }
    same->task_set.push_back(line.task_set.front());
    for (SweepPoint& point : line.points) {
      const auto place = std::find_if(same->points.begin(), same->points.end(),
                                      [&](const SweepPoint& other) { return other.x >= point.x; });
      if (place == same->points.end() || place->x != point.x) {
        same->points.insert(place, std::move(point));
      } else {
        place->by_task.merge(point.by_task);
        place->chosen_for.merge(point.chosen_for);
      }
    }
  }
  for (SweepLine& line : out) {
    for (SweepPoint& point : line.points) set_mean(line.task_set.size(), point);
  }
  lines = std::move(out);
}

void mark_chosen(SweepLine& line) {
  SweepPoint* chosen = nullptr;
  for (SweepPoint& point : line.points) {
    if (point.score && (chosen == nullptr || *point.score > *chosen->score)) chosen = &point;
  }
  if (chosen != nullptr) chosen->chosen_for = {line.task_set.begin(), line.task_set.end()};
}

bool is_selected(const std::string& axis, const Experiment& experiment) {
  const auto& axes = experiment.select.axes;
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

// What tells a line from those of other task sets: ", 8 tasks"; nothing if there are none, or none
// but single tasks, which share a line.
std::string set_suffix(const Row& row, const Table& table) {
  const auto sets = task_sets(table);
  const auto is_single = [](const auto& set) { return set.size() == 1; };
  const auto singles = std::count_if(sets.begin(), sets.end(), is_single);
  if (singles == std::ssize(sets) || sets.size() == 1) return "";
  if (is_single(row.task_set) && singles > 1) return ", each task alone";
  const auto at = std::find(sets.begin(), sets.end(), row.task_set) - sets.begin();
  return ", " + task_set_titles(table, sets)[static_cast<size_t>(at)];
}

}  // namespace

Sweep find_sweep(const FigureEntry& entry, const Table& table, ExperimentRecords& records) {
  const Experiment& experiment = records.experiment();
  Sweep sweep;
  sweep.split = !entry.split.empty()               ? entry.split
                : is_selected(entry.x, experiment) ? experiment.select.split
                                                   : experiment.report_split;
  const std::vector<Group> groups =
      find_groups(entry.x, shown_rows(entry, table, Trivial::kHidden), records);
  std::vector<Row> rows;
  for (const Group& group : groups) rows.push_back(group.row);
  const std::vector<std::string> titles = row_titles(rows);
  for (size_t i = 0; i < groups.size(); ++i) {
    SweepLine line{titles[i] + (entry.x == "tasks" ? "" : set_suffix(groups[i].row, table)),
                   groups[i].row.task_set,
                   {}};
    SweepLine reference = line;
    for (const auto& [x, places] : groups[i].places) {
      auto point = best_point(places, entry.y, sweep.split, records);
      if (!point) continue;
      point->x = x;
      line.points.push_back(std::move(*point));
    }
    if (auto point = best_point(groups[i].without_axis, entry.y, sweep.split, records)) {
      reference.points.push_back(std::move(*point));
      sweep.references.push_back(std::move(reference));
    }
    if (entry.x != "tasks") mark_chosen(line);
    if (!line.points.empty()) sweep.lines.push_back(std::move(line));
  }
  if (entry.x != "tasks") {
    join_single_tasks(sweep.lines);
    join_single_tasks(sweep.references);
  }
  return sweep;
}

}  // namespace isomerge
