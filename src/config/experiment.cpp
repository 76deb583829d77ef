#include "config/experiment.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "config/method_info.h"
#include "config/overrides.h"
#include "config/rows.h"

namespace isomerge {
namespace {

const std::vector<std::string> kKeys = {
    "title",     "suite",      "tasks",  "methods", "precision", "exclude", "average",
    "attention", "evaluation", "select", "report",  "analyses",  "figures"};
const std::vector<std::string> kSplits = {"val", "test"};

// "evaluation": {"precision": "bf16"}.
bool reads_bf16_encoder(ObjectReader& experiment, Problems& problems) {
  const JsonValue* value = experiment.find("evaluation");
  if (value == nullptr) return false;
  ObjectReader reader(*value, "\"evaluation\"", experiment.file(), problems);
  const bool is_bf16 = reader.find_choice("precision", "fp32", {"fp32", "bf16"}) == "bf16";
  reader.finish();
  return is_bf16;
}

void require_known_tasks(ObjectReader& reader, const char* key,
                         const std::vector<std::string>& tasks, const Suite& suite) {
  const std::vector<std::string> known = task_names(suite);
  for (const std::string& task : tasks) {
    if (std::find(known.begin(), known.end(), task) != known.end()) continue;
    reader.problem(reader.find(key)->line,
                   fmt::format("\"{}\": the suite has no task \"{}\"{}; known: {}", key, task,
                               nearest_hint(task, known), join(known, ", ")));
  }
}

Select read_select(ObjectReader& experiment, const Suite& suite, Problems& problems) {
  Select select;
  const JsonValue* value = experiment.find("select");
  if (value == nullptr) return select;
  ObjectReader reader(*value, "\"select\"", experiment.file(), problems);
  if (reader.find("axes") != nullptr) select.axes = reader.find_strings("axes");
  select.split = reader.find_choice("split", select.split, kSplits);
  select.by = reader.find_choice("by", select.by, {select.by});
  if (reader.find("tasks") != nullptr) {
    select.tasks = reader.find_strings("tasks");
    require_known_tasks(reader, "tasks", select.tasks, suite);
  }
  select.patience = reader.find_int("patience", select.patience, 0);
  select.refine = reader.find_int("refine", select.refine, 0);
  reader.finish();
  return select;
}

void read_report(ObjectReader& from, Experiment& experiment, Files files, Problems& problems) {
  const JsonValue* value = from.find("report");
  if (value == nullptr) return;
  ObjectReader reader(*value, "\"report\"", from.file(), problems);
  experiment.report_split = reader.find_choice("split", experiment.report_split, kSplits);
  experiment.report_without = reader.find_strings("without");
  require_known_tasks(reader, "without", experiment.report_without, experiment.suite);
  const std::string published = reader.find_string("published", "");
  reader.finish();
  if (published.empty()) return;
  const size_t hash = std::min(published.find('#'), published.size());
  const auto path = resolve_path(published.substr(0, hash), from.file(),
                                 reader.find("published")->line, files, problems);
  experiment.published = path.string() + published.substr(hash);
}

// An axis of "select" has to be alpha or an option of a method that the experiment uses.
void check_axes(ObjectReader& experiment, const Select& select, const std::vector<Row>& rows) {
  std::set<std::string> names = {"alpha"};
  for (const Row& row : rows) {
    for (const OptionInfo& option : require_method_info(row.method).options) {
      names.insert(option.name);
    }
  }
  const std::vector<std::string> known(names.begin(), names.end());
  for (const std::string& axis : select.axes) {
    if (names.count(axis) != 0) continue;
    experiment.problem(experiment.find("select")->line,
                       fmt::format("unknown axis \"{}\" in \"select\"{}; known: {}", axis,
                                   nearest_hint(axis, known), join(known, ", ")));
  }
}

// Every row needs one of the tasks that count.
void check_counted_tasks(ObjectReader& experiment, const Select& select,
                         const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const std::vector<bool> counted = select.counted(row.task_set);
    if (row.task_set.empty()) continue;  // its problem is on record
    if (std::count(counted.begin(), counted.end(), true) > 0) continue;
    experiment.problem(experiment.find("select")->line,
                       fmt::format("\"select\": no task of {} is among the tasks {} of a row of {}",
                                   join(select.tasks, ", "), join(row.task_set, ", "), row.method));
    return;
  }
}

// What was given with --set has to be a key of the file or a ${NAME} in it or in its suite.
void check_settings(const std::vector<std::string>& names, const Variables& variables,
                    const std::filesystem::path& file, Problems& problems) {
  for (const std::string& name : names) {
    if (variables.used().count(name) != 0) continue;
    problems.add(file, 0,
                 fmt::format("--set {0}: neither a key of the experiment nor a ${{{0}}} in it{1}; "
                             "keys: {2}",
                             name, nearest_hint(name, kKeys), join(kKeys, ", ")));
  }
}

std::vector<std::string> used_tasks(const std::vector<Row>& rows) {
  std::vector<std::string> names;
  for (const Row& row : rows) {
    names.insert(names.end(), row.task_set.begin(), row.task_set.end());
  }
  return names;
}

Suite read_suite_of(ObjectReader& reader, Variables& variables, Files files, Problems& problems) {
  const std::string text = reader.require_string("suite");
  const JsonValue* value = reader.find("suite");
  if (text.empty()) return {};
  Problems missing;  // the suite itself is always needed
  const auto path = resolve_path(text, reader.file(), value->line, Files::kMustExist, missing);
  if (missing.empty()) return read_suite(path, variables, files, problems);
  resolve_path(text, reader.file(), value->line, Files::kMustExist, problems);
  return {};
}

}  // namespace

Experiment read_experiment(const std::filesystem::path& path, const Settings& set, Files files) {
  Problems problems;
  JsonValue json = read_json(path, problems);
  const std::vector<std::string> others = apply_overrides(json, set, kKeys, path, problems);
  Variables variables(set);
  variables.expand(json, path, problems);

  ObjectReader reader(json, "the experiment", path, problems);
  Experiment out;
  out.path = path;
  out.stem = path.stem().string();
  out.title = reader.require_string("title");
  out.suite = read_suite_of(reader, variables, files, problems);
  out.precision = parse_precision(reader.find_choice("precision", "fp32", {"fp32", "fp64"}));
  out.exclude = reader.find_strings("exclude");
  out.average = reader.find_strings("average");
  out.split_attention =
      parse_attention(reader.find_choice("attention", "packed", {"packed", "split"}));
  out.bf16_encoder = reads_bf16_encoder(reader, problems);
  out.select = read_select(reader, out.suite, problems);
  read_report(reader, out, files, problems);
  const auto task_sets = read_task_sets(reader.find("tasks"), out.suite, path, problems);
  if (const JsonValue* methods = reader.require("methods")) {
    out.rows = read_rows(*methods, task_sets, out.suite, out.select.axes, path, problems);
    check_axes(reader, out.select, out.rows);
    check_counted_tasks(reader, out.select, out.rows);
  }
  if (files == Files::kMustExist) {
    require_task_files(out.suite, used_tasks(out.rows), problems);
  }
  out.analyses = read_analyses(reader.find("analyses"), out.rows, path, problems);
  out.figures = read_figures(reader.find("figures"), out, problems);
  reader.finish();
  check_settings(others, variables, path, problems);
  problems.throw_if_any();
  return out;
}

std::vector<bool> Select::counted(const std::vector<std::string>& task_set) const {
  std::vector<bool> out;
  for (const std::string& task : task_set) {
    out.push_back(tasks.empty() || std::find(tasks.begin(), tasks.end(), task) != tasks.end());
  }
  return out;
}

Options Candidate::options_on(const std::string& task) const {
  Options all = options;
  const auto own = by_task.find(task);
  if (own != by_task.end()) all.insert(own->second.begin(), own->second.end());
  return all;
}

Options Row::record_options(const Candidate& candidate, const std::string& task) const {
  return naming_options(require_method_info(method), candidate.options_on(task));
}

Row fine_tuned_row(const std::vector<std::string>& task_set) {
  return {"fine_tuned", require_method_info("fine_tuned").revision, task_set, {{}}, 1};
}

Row zero_shot_row(const std::vector<std::string>& task_set) {
  return {"zero_shot", require_method_info("zero_shot").revision, task_set, {{}}, 1};
}

}  // namespace isomerge
