#include "report/table.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "config/configuration.h"
#include "config/mask_rows.h"
#include "config/method_info.h"
#include "metric/selection.h"
#include "report/labels.h"
#include "store/lambda_search.h"
#include "store/scores.h"

namespace isomerge {
namespace {

// The records of an experiment, each read once.
class Records {
 public:
  Records(const Experiment& experiment, const Plan& plan, const ResultStore& store)
      : experiment_(experiment), plan_(plan), store_(store) {}

  const FoundRecord& find(const Row& row, const Candidate& candidate, const std::string& task,
                          const std::string& split) {
    if (!is_planned(row, task)) return none_;
    const std::string key = run_key(define_run(experiment_, row, candidate, task, split, plan_));
    const auto found = records_.find(key);
    if (found != records_.end()) return found->second;
    return records_.emplace(key, store_.find(key)).first->second;
  }

  std::vector<FoundRecord> find_all(const Row& row, const Candidate& candidate,
                                    const std::string& split) {
    std::vector<FoundRecord> all;
    for (const std::string& task : row.task_set) all.push_back(find(row, candidate, task, split));
    return all;
  }

 private:
  // Tasks that were added to the experiment after it ran have no hashes: missing, not an error.
  bool is_planned(const Row& row, const std::string& task) const {
    const auto known = [&](const std::string& name) { return plan_.tasks.count(name) != 0; };
    if (!require_method_info(row.method).merges) return known(task);
    return known(task) && std::all_of(row.task_set.begin(), row.task_set.end(), known);
  }

  const Experiment& experiment_;
  const Plan& plan_;
  const ResultStore& store_;
  std::map<std::string, FoundRecord> records_;
  const FoundRecord none_;
};

// Notes under the table, each once, in the order they come up.
void add_footnote(Table& table, const std::string& text) {
  const auto& notes = table.footnotes;
  if (std::find(notes.begin(), notes.end(), text) == notes.end()) table.footnotes.push_back(text);
}

// Which candidate the validation records choose. A single one needs none of them.
Choice choose(const Experiment& experiment, const Row& row, Records& records) {
  if (row.candidates.size() == 1) {
    Choice only;
    only.index = 0;
    return only;
  }
  const Row reference = fine_tuned_row(row.task_set);
  const std::string& split = experiment.select.split;
  const auto fine_tuned = records.find_all(reference, reference.candidates.front(), split);
  std::vector<CandidateScore> scores;
  for (const Candidate& candidate : row.candidates) {
    scores.push_back(candidate_score(records.find_all(row, candidate, split), fine_tuned));
  }
  return choose_candidate(scores, row.line_length, experiment.select.patience);
}

// What a search over masks came to, in words: the row's note if it has no lambdas, else "".
std::string open_masks(const LambdaSearch& search) {
  if (search.missing > 0) {
    return fmt::format("missing: {} of {} masks on validation", search.missing, search.trials);
  }
  if (search.hopeless.empty()) return "";
  return fmt::format("failed: all masks of {} on validation", join(search.hopeless, ", "));
}

// The row with its lambdas (config/mask_rows.h). Nothing, with a note in `row`, if the records do
// not tell them all.
std::optional<Row> find_complete_row(const Experiment& experiment, const Row& from,
                                     Records& records, TableRow& row, Table& table) {
  if (!needs_lambdas(from)) return from;
  const Row trials = mask_trials(from);
  const LambdaSearch search =
      search_lambdas(from.task_set, lambda_grid(), [&](size_t index, const std::string& task) {
        return records.find(trials, trials.candidates[index], task, experiment.select.split);
      });
  if (search.failed > 0) {
    add_footnote(table, fmt::format("{}: {} of {} masks failed on validation.", row.title,
                                    search.failed, search.trials));
  }
  row.note = open_masks(search);
  if (!row.note.empty()) return {};
  std::vector<std::string> parts;
  for (TaskCell& cell : row.cells) {
    const std::string lambda = number_text(search.lambdas.at(cell.task));
    cell.chosen = "lambda=" + lambda;
    parts.push_back(cell.task + " " + lambda);
  }
  add_footnote(table, fmt::format("{}: lambda chosen on validation for each task: {}.", row.title,
                                  join(parts, ", ")));
  return with_lambdas(from, search.lambdas);
}

// "failed 1 of 8", "missing 3 of 8", or both; empty if every cell is known.
std::string open_cells(const std::vector<TaskCell>& cells) {
  std::vector<std::string> parts;
  for (const char* note : {"failed", "missing"}) {
    const auto count = std::count_if(cells.begin(), cells.end(),
                                     [&](const TaskCell& cell) { return cell.note == note; });
    if (count > 0) parts.push_back(fmt::format("{} {} of {}", note, count, cells.size()));
  }
  return join(parts, ", ");
}

void fill_cell(const FoundRecord& record, const FoundRecord& reference, const TableRow& row,
               TaskCell& cell, Table& table) {
  cell.accuracy = find_accuracy(record);
  if (!record) {
    cell.note = "missing";
  } else if (!cell.accuracy) {
    cell.note = "failed";
    add_footnote(table, fmt::format("{}, {}: failed: {}", row.title, cell.task, record->message));
  }
  const std::optional<Accuracy> single = find_accuracy(reference);
  if (cell.accuracy && single) cell.normalised = normalised_accuracy(*cell.accuracy, *single);
}

// The numbers over all tasks, once every cell is known.
void summarise(TableRow& row, Table& table) {
  row.note = open_cells(row.cells);
  if (!row.note.empty()) return;
  std::vector<Accuracy> accuracies;
  double normalised = 0.0;
  bool all_normalised = true;
  for (const TaskCell& cell : row.cells) {
    accuracies.push_back(*cell.accuracy);
    all_normalised = all_normalised && cell.normalised.has_value();
    normalised += cell.normalised.value_or(0.0);
  }
  row.accuracy = mean_accuracy(accuracies);
  row.interval = mean_interval(accuracies);
  if (all_normalised) {
    row.normalised = normalised / static_cast<double>(row.cells.size());
  } else {
    add_footnote(table,
                 "No normalised accuracy where the fine-tuned model of a task has no result.");
  }
}

// Fills in the chosen candidate; returns it, or null with the row's note saying why there is none.
const Candidate* apply_choice(const Choice& choice, const Row& from, TableRow& row, Table& table) {
  const size_t count = from.candidates.size();
  if (!choice.failed.empty()) {
    add_footnote(table, fmt::format("{}: {} of {} candidates failed on validation.", row.title,
                                    choice.failed.size(), count));
  }
  if (!choice.missing.empty()) {
    row.note =
        fmt::format("missing: {} of {} candidates on validation", choice.missing.size(), count);
    return nullptr;
  }
  if (!choice.index) {
    row.note = "failed: all candidates on validation";
    return nullptr;
  }
  const Candidate& chosen = from.candidates[*choice.index];
  row.chosen = configuration_text({from.method, shown_options(from, chosen), chosen.alpha});
  row.alpha = chosen.alpha;
  row.alpha_at_edge = choice.at_edge;
  row.selected = selected_text(from, chosen);
  if (choice.at_edge) {
    add_footnote(table,
                 "(edge): the best alpha is an end of its grid; a wider grid may do better.");
  }
  return &chosen;
}

TableRow make_row(const Experiment& experiment, const Row& from, const std::string& title,
                  Records& records, Table& table) {
  TableRow row;
  row.method = from.method;
  row.title = title;
  for (const std::string& task : from.task_set) row.cells.push_back({task, {}, {}, ""});
  const std::optional<Row> complete = find_complete_row(experiment, from, records, row, table);
  const Candidate* chosen =
      complete ? apply_choice(choose(experiment, *complete, records), *complete, row, table)
               : nullptr;
  const Row reference = fine_tuned_row(from.task_set);
  for (TaskCell& cell : row.cells) {
    if (chosen == nullptr) {
      cell.note = row.note.substr(0, row.note.find(':'));
      continue;
    }
    fill_cell(records.find(*complete, *chosen, cell.task, table.split),
              records.find(reference, reference.candidates.front(), cell.task, table.split), row,
              cell, table);
  }
  if (chosen != nullptr) summarise(row, table);
  return row;
}

}  // namespace

Table build_table(const Experiment& experiment, const Plan& plan, const ResultStore& store) {
  Table table;
  table.title = experiment.title;
  table.split = experiment.report_split;
  std::set<std::string> used;
  for (const Row& row : experiment.rows) used.insert(row.task_set.begin(), row.task_set.end());
  for (const Task& task : experiment.suite.tasks) {
    if (used.count(task.name) != 0) table.tasks.push_back({task.name, task.title});
  }
  Records records(experiment, plan, store);
  const std::vector<std::string> titles = row_titles(experiment.rows);
  for (size_t i = 0; i < experiment.rows.size(); ++i) {
    table.rows.push_back(make_row(experiment, experiment.rows[i], titles[i], records, table));
  }
  return table;
}

}  // namespace isomerge
