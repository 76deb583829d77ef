#include "experiment/work_list.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "config/configuration.h"
#include "config/mask_rows.h"

namespace isomerge {

std::vector<std::string> evaluated_tasks(const Experiment& experiment) {
  std::set<std::string> wanted;
  for (const Row& row : experiment.rows) wanted.insert(row.task_set.begin(), row.task_set.end());
  std::vector<std::string> ordered;
  for (const std::string& task : task_names(experiment.suite)) {
    if (wanted.contains(task)) ordered.push_back(task);
  }
  return ordered;
}

std::string unit_name(const RunDefinition& first, const std::vector<std::string>& tasks) {
  std::string text = run_key(first);
  for (const std::string& task : tasks) text += "\n" + task;
  return hash_text(text);
}

std::string row_text(const Row& row, const Candidate& candidate) {
  return fmt::format("{}, {} task{}",
                     configuration_text({row.method, candidate.options, candidate.alpha}),
                     row.task_set.size(), row.task_set.size() == 1 ? "" : "s");
}

WorkList::WorkList(const Experiment& experiment, const Plan& plan, const Shares& shares,
                   KnownRecords& records, IsAnalysed is_analysed)
    : experiment_(experiment),
      plan_(plan),
      shares_(shares),
      records_(records),
      is_analysed_(std::move(is_analysed)) {
  RowState experts;
  experts.search.emplace(experiment, fine_tuned_row(evaluated_tasks(experiment)), plan, records);
  experts.total = 1;
  rows_.push_back(std::move(experts));
  for (const Row& row : experiment.rows) {
    RowState state;
    state.is_trial = needs_lambdas(row);
    state.search.emplace(experiment, state.is_trial ? mask_trials(row) : row, plan, records);
    state.total = row.candidates.size() + 1 + (state.is_trial ? lambda_grid().size() : 0);
    rows_.push_back(std::move(state));
  }
}

std::vector<Unit> WorkList::ready() {
  is_waiting_ = false;
  std::vector<Unit> out;
  add_experts(&out);
  for (size_t i = 1; i < rows_.size(); ++i) add_row(i, &out);
  std::erase_if(out, [&](const Unit& unit) { return finished_.contains(unit.name); });
  return out;
}

Unit WorkList::unit_of(size_t row, size_t first, size_t count, std::vector<std::string> tasks,
                       const std::string& split) const {
  const RowSearch& search = *rows_[row].search;
  Unit unit{"", "", row, first, count, std::move(tasks), split};
  unit.name = unit_name(search.run(first, unit.tasks.front(), split), unit.tasks);
  Candidate shown = search.row().candidates[first];
  if (count > 1) shown.alpha.reset();
  unit.label = fmt::format("{}, {}", row_text(search.row(), shown), split);
  return unit;
}

void WorkList::add_experts(std::vector<Unit>* out) {
  RowState& state = rows_.front();
  size_t index = 0;
  bool is_over = true;
  for (const std::string& split : {experiment_.select.split, experiment_.report_split}) {
    for (const std::string& task : state.search->row().task_set) {
      const int shard = shares_.of_early(index++);
      if (records_.find(state.search->run(0, task, split))) continue;
      is_over = false;
      Unit unit = unit_of(0, 0, 1, {task}, split);
      unit.label = fmt::format("fine_tuned, {}, {}", task, split);
      unit.shard = shard;
      out->push_back(std::move(unit));
    }
  }
  state.done = is_over ? 1 : 0;
}

void WorkList::add_row(size_t index, std::vector<Unit>* out) {
  RowState& state = rows_[index];
  if (state.is_over) return;
  if (state.is_trial) add_trials(index, out);
  if (state.is_trial || state.is_over) return;
  RowSearch& search = *state.search;
  if (search.row().method == "fine_tuned") {  // what is missing of it was added already
    state.is_over = search.missing_tasks(0, experiment_.report_split).empty();
    state.done = state.is_over ? state.total : 0;
    return;
  }
  const bool is_searched = search.row().candidates.size() > 1;
  if (is_searched && !search.has_references()) {
    is_waiting_ = true;
    return;
  }
  const Choice choice = search.choose();
  state.done = state.total - search.row().candidates.size() + search.row().refined - 1 +
               choice.looked_at.size() - choice.missing.size();
  if (!choice.missing.empty()) {
    // After the last line of a grid come rounds of refinement, of which others have to be told.
    if (experiment_.select.refine > 0) is_waiting_ = true;
    return add_lines(index, choice, out);
  }
  if (choice.index) add_test(index, *choice.index, out);
  if (choice.index && !state.is_over) return;
  state.is_over = true;
  state.done = state.total;
}

void WorkList::add_trials(size_t index, std::vector<Unit>* out) {
  RowState& state = rows_[index];
  const Row& asked = experiment_.rows[index - 1];
  const std::string& split = experiment_.select.split;
  const LambdaSearch found = find_lambdas(experiment_, asked, plan_, records_);
  const auto tasks = asked.task_set.size();
  state.done = static_cast<uint64_t>(found.trials - found.missing) / tasks;
  if (found.missing == 0) {
    state.is_trial = false;
    state.is_over = !found.hopeless.empty();  // nothing to run without all lambdas
    if (state.is_over) state.done = state.total;
    if (state.is_over) return;
    state.search.emplace(experiment_, with_lambdas(asked, found.lambdas), plan_, records_);
    return;
  }
  is_waiting_ = true;
  for (size_t i = 0; i < state.search->row().candidates.size(); ++i) {
    std::vector<std::string> missing = state.search->missing_tasks(i, split);
    if (missing.empty()) continue;
    Unit unit = unit_of(index, i, 1, asked.task_set, split);
    unit.shard = shares_.of_early(i);
    out->push_back(std::move(unit));
  }
}

void WorkList::add_lines(size_t index, const Choice& choice, std::vector<Unit>* out) {
  const Row& row = rows_[index].search->row();
  const size_t grid = row.candidates.size() - row.refined;
  std::set<size_t> begun;
  for (const size_t candidate : choice.missing) {
    const bool is_refined = candidate >= grid;
    const size_t first = is_refined ? candidate : candidate / row.line_length * row.line_length;
    if (!begun.insert(first).second) continue;
    Unit unit = unit_of(index, first, is_refined ? 1 : row.line_length, row.task_set,
                        experiment_.select.split);
    unit.shard = shares_.of(index - 1, first);
    out->push_back(std::move(unit));
  }
}

void WorkList::add_test(size_t index, size_t candidate, std::vector<Unit>* out) {
  RowState& state = rows_[index];
  RowSearch& search = *state.search;
  const std::string& split = experiment_.report_split;
  const bool is_tested = search.missing_tasks(candidate, split).empty();
  if (is_tested && is_analysed_(search, candidate)) {
    state.is_over = true;
    return;
  }
  Unit unit = unit_of(index, candidate, 1, search.row().task_set, split);
  unit.name = hash_text("test and analyses of " + experiment_.stem + " " + unit.name);
  unit.is_test = true;
  unit.shard = shares_.of(index - 1, candidate);
  if (!finished_.contains(unit.name)) {
    out->push_back(std::move(unit));
  } else {
    state.is_over = true;  // an analysis failed; the next start tries it again
  }
}

int64_t WorkList::missing(const Unit& unit) {
  RowSearch& search = *rows_[unit.row].search;
  int64_t missing = 0;
  for (size_t i = unit.first; i < unit.first + unit.count; ++i) {
    for (const std::string& task : unit.tasks) {
      missing += records_.find(search.run(i, task, unit.split)) ? 0 : 1;
    }
  }
  if (unit.is_test && !is_analysed_(search, unit.first)) ++missing;
  return missing;
}

WorkList::Reach WorkList::reach() const {
  Reach reach;
  for (const RowState& state : rows_) {
    reach.done += std::min(state.done, state.total);
    reach.total += state.total;
  }
  return reach;
}

}  // namespace isomerge
