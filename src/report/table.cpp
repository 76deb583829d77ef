#include "report/table.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "config/configuration.h"
#include "config/mask_rows.h"
#include "config/method_info.h"
#include "report/labels.h"
#include "report/published.h"
#include "report/ranking.h"

namespace isomerge {
namespace {

// Notes under the table, each once, in the order they come up.
void add_footnote(Table& table, const std::string& text) {
  const auto& notes = table.footnotes;
  if (std::find(notes.begin(), notes.end(), text) == notes.end()) table.footnotes.push_back(text);
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
std::optional<Row> find_complete_row(const Row& from, ExperimentRecords& records, TableRow& row,
                                     Table& table) {
  if (!needs_lambdas(from)) return from;
  const LambdaSearch search = records.find_lambdas(from);
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

void fill_cell(const Row& from, const Candidate& candidate, const TableRow& row,
               ExperimentRecords& records, TaskCell& cell, Table& table) {
  const FoundRecord& record = records.find(from, candidate, cell.task, table.split);
  cell.accuracy = find_accuracy(record);
  if (!record) {
    cell.note = "missing";
    return;
  }
  cell.key = records.key(from, candidate, cell.task, table.split).value();
  if (!cell.accuracy) {
    cell.note = "failed";
    add_footnote(table, fmt::format("{}, {}: failed: {}", row.title, cell.task, record->message));
    return;
  }
  const auto single = records.reference(cell.task, table.split);
  const Row zero_shot = zero_shot_row({cell.task});
  const auto base =
      find_accuracy(records.find(zero_shot, zero_shot.candidates.front(), cell.task, table.split));
  if (single) cell.normalised = normalised_accuracy(*cell.accuracy, *single);
  if (single && base) cell.nai = accuracy_improvement(*cell.accuracy, *base, *single);
}

// Nothing if one of the tasks has none.
std::optional<double> mean_of(const std::vector<TaskCell>& cells,
                              std::optional<double> TaskCell::*value) {
  double sum = 0.0;
  for (const TaskCell& cell : cells) {
    if (!(cell.*value)) return {};
    sum += *(cell.*value);
  }
  return sum / static_cast<double>(cells.size());
}

// The means over the cells of all other tasks.
std::optional<Means> means_without(const std::vector<std::string>& tasks,
                                   const std::vector<TaskCell>& cells) {
  std::vector<TaskCell> others;
  std::vector<Accuracy> accuracies;
  for (const TaskCell& cell : cells) {
    if (std::find(tasks.begin(), tasks.end(), cell.task) != tasks.end()) continue;
    others.push_back(cell);
    accuracies.push_back(*cell.accuracy);
  }
  if (others.empty() || others.size() == cells.size()) return {};
  return Means{mean_accuracy(accuracies), mean_of(others, &TaskCell::normalised)};
}

// The numbers over all tasks, once every cell is known.
void summarise(const Experiment& experiment, TableRow& row, Table& table) {
  row.note = open_cells(row.cells);
  if (!row.note.empty()) return;
  std::vector<Accuracy> accuracies;
  for (const TaskCell& cell : row.cells) accuracies.push_back(*cell.accuracy);
  row.accuracy = mean_accuracy(accuracies);
  row.interval = mean_interval(accuracies);
  row.normalised = mean_of(row.cells, &TaskCell::normalised);
  row.nai = mean_of(row.cells, &TaskCell::nai);
  row.without = means_without(experiment.report_without, row.cells);
  if (!row.normalised) {
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
  row.candidate = choice.index;
  row.alpha = chosen.alpha;
  row.alpha_at_edge = choice.at_edge;
  row.selected = selected_text(from, chosen);
  if (choice.at_edge) {
    add_footnote(table,
                 "(edge): the best alpha is an end of its grid; a wider grid may do better.");
  }
  return &chosen;
}

TableRow make_row(const Row& from, const std::string& title, ExperimentRecords& records,
                  Table& table) {
  TableRow row;
  row.method = from.method;
  row.title = title;
  for (const std::string& task : from.task_set) row.cells.push_back({task});
  row.source = find_complete_row(from, records, row, table);
  if (row.source) row.source = records.refined(*row.source);
  const Choice choice = row.source ? records.choose(*row.source) : Choice{};
  const Candidate* chosen = row.source ? apply_choice(choice, *row.source, row, table) : nullptr;
  for (TaskCell& cell : row.cells) {
    if (chosen == nullptr) {
      cell.note = row.note.substr(0, row.note.find(':'));
    } else {
      fill_cell(*row.source, *chosen, row, records, cell, table);
    }
  }
  if (chosen != nullptr) summarise(records.experiment(), row, table);
  return row;
}

}  // namespace

Table build_table(ExperimentRecords& records) {
  const Experiment& experiment = records.experiment();
  Table table;
  table.title = experiment.title;
  table.split = experiment.report_split;
  std::set<std::string> used;
  for (const Row& row : experiment.rows) used.insert(row.task_set.begin(), row.task_set.end());
  std::vector<std::string> without;
  for (const Task& task : experiment.suite.tasks) {
    if (used.count(task.name) == 0) continue;
    table.tasks.push_back({task.name, task.title});
    const auto& left_out = experiment.report_without;
    if (std::find(left_out.begin(), left_out.end(), task.name) != left_out.end()) {
      without.push_back(task.title);
    }
  }
  table.without = join(without, ", ");
  const std::vector<std::string> titles = row_titles(experiment.rows);
  for (size_t i = 0; i < experiment.rows.size(); ++i) {
    table.rows.push_back(make_row(experiment.rows[i], titles[i], records, table));
  }
  for (const Task& task : experiment.suite.tasks) {
    if (used.count(task.name) == 0 || task.note.empty()) continue;
    add_footnote(table, fmt::format("{}: {}", task.title, task.note));
  }
  if (!experiment.select.tasks.empty()) {
    std::vector<std::string> counted;
    for (const std::string& task : experiment.select.tasks) {
      counted.push_back(require_task(experiment.suite, task).title);
    }
    add_footnote(table,
                 fmt::format("What a row chooses, it chooses on {} alone.", join(counted, ", ")));
  }
  const auto given = given_references(experiment.suite, {used.begin(), used.end()});
  if (std::any_of(given.begin(), given.end(), [](const auto& one) { return one.has_value(); })) {
    add_footnote(table,
                 "Normalised accuracies divide by accuracies that the suite gives, not by those of "
                 "the fine-tuned models here.");
  }
  if (experiment.bf16_encoder) add_footnote(table, "The encoder computed in bf16.");
  rank_rows(table, records);
  if (experiment.published) add_published(*experiment.published, &table);
  return table;
}

}  // namespace isomerge
