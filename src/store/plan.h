// store/plan.h -- what a run knew of the bytes it worked on, so that a report needs no checkpoints.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "store/record.h"

namespace isomerge {

// Content hashes by role.
struct TaskHashes {
  std::string expert;
  std::string head;  // of this task's head alone; of text none
  std::string data;
  bool operator==(const TaskHashes&) const = default;
};

struct Plan {
  std::string base;
  std::string module;                       // the encoder, or of text the model
  std::string tokenizer;                    // of text alone
  std::map<std::string, TaskHashes> tasks;  // by task name
  bool operator==(const Plan&) const = default;
};

std::filesystem::path plan_path(const std::filesystem::path& results, const std::string& stem);

// results/plans/<stem>.json, atomically.
void write_plan(const std::filesystem::path& results, const std::string& stem, const Plan& plan);

// Throws Error(kInput) if there is none (with the command that makes it), if it is damaged, or if
// the folder is of a newer version.
Plan read_plan(const std::filesystem::path& results, const std::string& stem);

// The hashes that a run of `tasks` evaluated on `task` depends on, by the roles of RunDefinition.
// Throws Error(kInput) if the plan does not know a task.
std::map<std::string, std::string> run_hashes(const Plan& plan,
                                              const std::vector<std::string>& tasks,
                                              const std::string& task);

// The hashes that a merge of `tasks` depends on: those of base and experts. Throws likewise.
std::map<std::string, std::string> merge_hashes(const Plan& plan,
                                                const std::vector<std::string>& tasks);

// What the features of all tasks' examples, and statistics, depend on beside weights: "encoder" (of
// text "model" and "tokenizer") and "data/<task>".
// Throws likewise.
std::map<std::string, std::string> feature_hashes(const Plan& plan,
                                                  const std::vector<std::string>& tasks);

// How examples are read and answered. Mean and std have fields of their own; the rest, where it is
// not the usual, is part of how the score is come by.
template <class ExperimentT>
void add_protocol(const ExperimentT& experiment, RunDefinition* run) {
  const auto& suite = experiment.suite;
  if (suite.is_language()) {
    run->evaluation = kTextEvaluation;
    run->evaluation += ", at most " + std::to_string(suite.text.most_tokens) + " tokens";
    if (suite.text.normalise_length) run->evaluation += ", per token";
    if (experiment.bf16_encoder) run->evaluation += ", model in bf16";
    return;
  }
  const auto& how = suite.preprocess;
  run->mean = how.mean;
  run->std = how.std;
  if (how.resize > 0) run->evaluation += ", resized to " + std::to_string(how.resize);
  if (how.crop > 0) run->evaluation += ", cropped to " + std::to_string(how.crop);
  if (experiment.bf16_encoder) run->evaluation += ", encoder in bf16";
}

// The run behind one cell: the ONE place where experiment files become keys, called by the runner
// and by the report. A template since this room does not know config: the arguments are Experiment,
// Row and Candidate of config/experiment.h. What a trivial row does not depend on is left out of
// its definition, so zero_shot and fine_tuned are shared by all experiments on the same bytes.
template <class ExperimentT, class RowT, class CandidateT>
RunDefinition define_run(const ExperimentT& experiment, const RowT& row,
                         const CandidateT& candidate, const std::string& task,
                         const std::string& split, const Plan& plan) {
  RunDefinition run;
  run.method = row.method;
  run.revision = row.revision;
  run.task = task;
  run.split = split;
  add_protocol(experiment, &run);
  if (row.method == "fine_tuned") {
    run.tasks = {task};
  } else if (row.method != "zero_shot") {
    run.tasks = row.task_set;
    run.options = row.record_options(candidate, task);
    run.alpha = candidate.alpha;
    run.precision = precision_text(experiment.precision);
    run.exclude = experiment.exclude;
    run.average = experiment.average;
    run.split_attention = experiment.split_attention;
  }
  run.hashes = run_hashes(plan, run.tasks, task);
  if (row.uses_statistics) run.hashes.merge(feature_hashes(plan, run.tasks));
  return run;
}

// The run behind an analysis of one candidate's merged update. It does not depend on alpha, which
// scales the update alone; one of features depends on it, on the encoder and on the images.
template <class ExperimentT, class RowT, class CandidateT, class EntryT>
RunDefinition define_analysis(const ExperimentT& experiment, const RowT& row,
                              const CandidateT& candidate, const EntryT& entry, const Plan& plan) {
  RunDefinition run;
  run.method = row.method;
  run.revision = row.revision;
  run.tasks = row.task_set;
  run.options = candidate.options;
  run.precision = precision_text(experiment.precision);
  run.exclude = experiment.exclude;
  run.average = experiment.average;
  run.split_attention = experiment.split_attention;
  run.evaluation = analysis_text(entry);
  run.hashes = merge_hashes(plan, run.tasks);
  if (row.uses_statistics) run.hashes.merge(feature_hashes(plan, run.tasks));
  if (!looks_at_features(entry)) return run;
  run.alpha = candidate.alpha;
  run.split = experiment.report_split;
  add_protocol(experiment, &run);
  run.hashes.merge(feature_hashes(plan, run.tasks));
  return run;
}

}  // namespace isomerge
