// config/experiment.h -- one table: which methods with which options over which tasks of a suite.
//
// A file holds "title", "suite", "methods", and if need be "tasks", "precision", "exclude",
// "average", "evaluation", "select", "report", "analyses", "figures": the members of Experiment.
// Any option, "alpha" and "tasks" take a value, a list, or a range "0.1:1.0:0.1"; axes multiply.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/analysis_entry.h"
#include "config/figure_entry.h"
#include "config/options.h"
#include "config/recipe.h"
#include "config/suite.h"
#include "config/variables.h"

namespace isomerge {

// One point of the search for a row.
struct Candidate {
  Options options;              // resolved: every option of the method; but see mask_rows.h
  std::optional<double> alpha;  // nothing for zero_shot and fine_tuned
  // Options that depend on the task it is evaluated on, by that task: a model for each. Else empty.
  std::map<std::string, Options> by_task = {};

  Options options_on(const std::string& task) const;

  bool operator==(const Candidate&) const = default;
};

// One row of the table: the best of its candidates on validation, tested once.
struct Row {
  std::string method;
  int revision = 1;                   // of the method
  std::vector<std::string> task_set;  // merged and evaluated, in suite order
  // Grid order: options vary slowest (by name, values as written), alpha fastest. Each run of
  // `line_length` candidates shares its options and walks the alpha grid.
  std::vector<Candidate> candidates;
  size_t line_length = 1;
  bool uses_statistics = false;  // of each task's examples: MethodInfo
  size_t refined = 0;  // candidates at the end that belong to no line (config/refinement.h)

  // What the records of one of its candidates on a task are told apart by.
  Options record_options(const Candidate& candidate, const std::string& task) const;

  bool operator==(const Row&) const = default;
};

struct Select {
  std::vector<std::string> axes = {"alpha"};  // chosen on `split`; other axes make rows
  std::string split = "val";
  std::string by = "mean normalised accuracy";
  std::vector<std::string> tasks;  // over which the mean is taken; empty: all of a row
  int64_t patience = 0;  // candidates of a line without improvement before it is left; 0: all
  int64_t refine = 0;    // rounds of candidates around the best one (config/refinement.h)

  // Which of a row's tasks count, in their order.
  std::vector<bool> counted(const std::vector<std::string>& task_set) const;
};

struct Experiment {
  std::string title;
  std::filesystem::path path;
  std::string stem;  // file name without ".json": names plan and tables
  Suite suite;
  std::vector<Row> rows;  // methods in the file's order, then task sets, then options
  Precision precision = Precision::kFp32;
  std::vector<std::string> exclude;
  std::vector<std::string> average;
  bool split_attention = false;  // as of Recipe
  bool bf16_encoder = false;     // images are encoded in bf16, not fp32
  Select select;
  std::string report_split = "test";
  std::vector<std::string> report_without;  // tasks that further means of the table leave out
  std::optional<std::string> published;     // "<absolute path>#<key>"
  std::vector<AnalysisEntry> analyses;
  std::vector<FigureEntry> figures;
};

// Throws one Error(kInput) with every problem of the file and of its suite. `set` holds overrides
// ("tasks" = "4", "select.patience" = "0": keys of the file, dotted, scalar) and values of ${NAME};
// an entry that is neither is a problem.
Experiment read_experiment(const std::filesystem::path& path, const Settings& set = {},
                           Files files = Files::kMustExist);

// The row that every normalised accuracy divides by, whether or not the experiment shows it.
Row fine_tuned_row(const std::vector<std::string>& task_set);

// The row from which improvements count, likewise.
Row zero_shot_row(const std::vector<std::string>& task_set);

}  // namespace isomerge
