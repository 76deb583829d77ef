// report/table.h -- records -> the table of an experiment, as numbers. Text is made of it
// elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "metric/accuracy.h"
#include "metric/paired.h"
#include "report/records.h"

namespace isomerge {

// One row on one task, on the split of the report.
struct TaskCell {
  std::string task;
  std::optional<Accuracy> accuracy = {};  // nothing: see `note`
  std::optional<double> normalised = {};  // over the fine-tuned accuracy of the same split
  std::optional<double> nai = {};  // normalised accuracy improvement; needs zero_shot's record too
  std::string note = {};           // "", "failed", "missing"
  std::string chosen = {};  // "lambda=0.2": an option chosen on validation for this task alone
  std::string key = {};     // of the record; empty where there is none
};

// Among the rows of the same task set that hold one merged model.
enum class Standing { kNone, kBest, kSecond };

// Means over tasks, 0..1: those a paper gives, or those without some tasks.
struct Means {
  double accuracy = 0.0;
  std::optional<double> normalised = {};
};

// What a paper prints of a row, in 0..1: one of them at least.
struct PublishedValues {
  std::optional<double> accuracy = {}, normalised = {};
};

struct TableRow {
  std::string method;  // "iso_cts"
  std::string title;   // "Iso-CTS", with the options that tell it from its neighbours
  std::string chosen;  // canonical string of the chosen candidate; empty if none could be chosen
  std::optional<double> alpha;
  bool alpha_at_edge = false;   // the best alpha is an end of its grid: a wider one may be better
  std::string selected;         // "common_fraction=0.8": options chosen on validation besides alpha
  std::vector<TaskCell> cells;  // the row's task set
  std::optional<double> accuracy, normalised;  // means over the task set; nothing if a cell is open
  std::optional<double> nai;                   // likewise
  std::optional<Interval> interval;            // 95 %, of `accuracy`
  std::string note;                            // "", "failed 1 of 8", "missing 3 of 8", ...
  Standing standing = Standing::kNone;
  std::optional<PublishedValues> published;  // where the experiment names a file of them
  // Over the tasks that the experiment's report does not leave out; nothing if the row has none of
  // those, or nothing else, or a cell is open.
  std::optional<Means> without;
  std::optional<Difference> to_best;  // of `accuracy`, to the best row; not of the best itself
  // The row of the experiment with its lambdas, and which of its candidates is `chosen`.
  std::optional<Row> source;
  std::optional<size_t> candidate;

  bool is_tied() const { return to_best && !to_best->is_significant(); }
};

struct TableColumn {
  std::string task;
  std::string title;
};

struct Table {
  std::string title;
  std::string split;
  std::vector<TableColumn> tasks;  // all tasks of all rows, in suite order
  std::string without;             // titles of the tasks that `without` of the rows leaves out
  std::vector<TableRow> rows;      // as in the experiment
  std::vector<std::string> footnotes;
};

// Pure in the records: same records, same table. Reads no checkpoint and no dataset.
Table build_table(ExperimentRecords& records);

}  // namespace isomerge
