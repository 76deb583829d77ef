#include "config/suite.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "config/recipe.h"

namespace isomerge {
namespace {

// What all parts of one suite file need while it is read.
struct Reading {
  const std::filesystem::path& file;
  Files files;
  Problems& problems;
};

std::filesystem::path require_file(ObjectReader& reader, const std::string& key,
                                   const Reading& reading) {
  const std::string text = reader.require_string(key);
  const JsonValue* value = reader.find(key);
  return resolve_path(text, reading.file, value == nullptr ? 0 : value->line, reading.files,
                      reading.problems);
}

std::array<double, 3> require_channels(ObjectReader& reader, const std::string& key) {
  std::array<double, 3> out{};
  const JsonValue* value = reader.require(key);
  if (value == nullptr) return out;
  const bool numbers = std::all_of(value->items.begin(), value->items.end(),
                                   [](const JsonValue& item) { return item.is_number(); });
  if (value->items.size() != out.size() || !numbers) {
    reader.problem(
        value->line,
        fmt::format("\"{}\": expected 3 numbers, one per channel (red, green, blue)", key));
    return out;
  }
  for (size_t i = 0; i < out.size(); ++i) out[i] = value->items[i].number;
  return out;
}

Preprocess require_preprocess(ObjectReader& suite, const Reading& reading) {
  const JsonValue* value = suite.require("preprocess");
  if (value == nullptr) return {};
  ObjectReader reader(*value, "preprocess", reading.file, reading.problems);
  Preprocess out{reader.find_int("resize", 0, /*minimum=*/1),
                 reader.find_int("crop", 0, /*minimum=*/1), require_channels(reader, "mean"),
                 require_channels(reader, "std")};
  reader.finish();
  const JsonValue* std = reader.find("std");
  if (std != nullptr && std->items.size() == out.std.size() &&
      !std::all_of(out.std.begin(), out.std.end(), [](double x) { return x > 0.0; })) {
    reader.problem(std->line, "\"std\": expected positive numbers");
  }
  return out;
}

FinetuneDefaults find_finetune(ObjectReader& suite, const Reading& reading) {
  FinetuneDefaults out;
  const JsonValue* value = suite.find("finetune");
  if (value == nullptr) return out;
  ObjectReader reader(*value, "finetune", reading.file, reading.problems);
  const auto find_whole = [&](const char* key, int64_t least) -> std::optional<int64_t> {
    if (reader.find(key) == nullptr) return {};
    return reader.find_int(key, /*fallback=*/least, least);
  };
  out.steps = find_whole("steps", 1);
  out.epochs = find_whole("epochs", 1);
  out.batch = find_whole("batch", 1);
  out.warmup = find_whole("warmup", 0);
  out.shift = find_whole("shift", 0);
  out.seed = find_whole("seed", 0);
  out.lr = reader.find_number("lr");
  out.weight_decay = reader.find_number("weight_decay");
  out.clip = reader.find_number("clip");
  reader.finish();
  if (out.steps && out.epochs) {
    reader.problem(value->line, "finetune: expected either \"steps\" or \"epochs\", got both");
  }
  return out;
}

Task read_task(const JsonValue& value, const std::vector<Task>& earlier, const Reading& reading) {
  ObjectReader reader(value, "a task", reading.file, reading.problems);
  Task task;
  task.line = value.line;
  task.name = reader.require_string("name");
  task.title = reader.find_string("title", task.name);
  task.note = reader.find_string("note", "");
  if (const auto percent = reader.find_number("normalise_by")) {
    task.normalise_by = *percent / 100.0;
    if (!(*percent > 0.0 && *percent <= 100.0)) {
      reader.problem(value.line, fmt::format("\"normalise_by\": expected percent above 0 and up to "
                                             "100, got {}",
                                             number_text(*percent)));
    }
  }
  task.expert = require_file(reader, "expert", reading);
  task.data = require_file(reader, "data", reading);
  if (const JsonValue* train = reader.find("train")) {  // only training needs it to be there
    task.train = resolve_path(reader.require_string("train"), reading.file, train->line,
                              Files::kMayBeMissing, reading.problems);
  }
  reader.finish();
  if (!task.name.empty() && !is_task_name(task.name)) {
    reader.problem(value.line, fmt::format("task name \"{}\": expected [a-z0-9_]+", task.name));
  }
  for (const Task& other : earlier) {
    if (other.name == task.name) {
      reader.problem(value.line, fmt::format("task \"{}\" given twice", task.name));
    }
    if (same_file(other.expert, task.expert)) {
      reader.problem(value.line, fmt::format("tasks \"{}\" and \"{}\" have the same expert: {}",
                                             other.name, task.name, task.expert.string()));
    }
  }
  return task;
}

}  // namespace

Suite read_suite(const std::filesystem::path& path, const Settings& set, Files files) {
  Problems problems;
  Variables variables(set);
  Suite suite = read_suite(path, variables, files, problems);
  if (files == Files::kMustExist) require_task_files(suite, task_names(suite), problems);
  problems.throw_if_any();
  return suite;
}

Suite read_suite(const std::filesystem::path& path, Variables& variables, Files files,
                 Problems& problems) {
  JsonValue json = read_json(path, problems);
  variables.expand(json, path, problems);
  const Reading reading{path, files, problems};
  ObjectReader reader(json, "the suite", path, problems);
  Suite suite;
  suite.path = path;
  suite.title = reader.require_string("title");
  suite.base = require_file(reader, "base", reading);
  // An unknown key of the other kind is named with the nearest one: a suite is one or the other.
  if (reader.find("model") != nullptr || reader.find("tokenizer") != nullptr) {
    suite.module = require_file(reader, "model", reading);
    suite.tokenizer = require_file(reader, "tokenizer", reading);
    suite.text.most_tokens = reader.find_int("most_tokens", suite.text.most_tokens, /*minimum=*/2);
    suite.text.normalise_length = reader.find_bool("normalise_length", suite.text.normalise_length);
  } else {
    suite.module = require_file(reader, "encoder", reading);
    suite.heads = require_file(reader, "heads", reading);
    suite.preprocess = require_preprocess(reader, reading);
  }
  suite.finetune = find_finetune(reader, reading);
  const JsonValue* tasks = reader.require("tasks");
  reader.finish();
  if (tasks == nullptr) return suite;
  if (tasks->items.empty()) reader.problem(tasks->line, "\"tasks\": expected a list of tasks");
  const Reading of_tasks{path, Files::kMayBeMissing, problems};
  for (const JsonValue& task : tasks->items) {
    suite.tasks.push_back(read_task(task, suite.tasks, of_tasks));
  }
  return suite;
}

void require_task_files(const Suite& suite, const std::vector<std::string>& tasks,
                        Problems& problems) {
  for (const Task& task : suite.tasks) {
    if (std::find(tasks.begin(), tasks.end(), task.name) == tasks.end()) continue;
    require_task_files(task, suite.path, problems);
  }
}

void require_task_files(const Task& task, const std::filesystem::path& suite, Problems& problems) {
  for (const std::filesystem::path& file : {task.expert, task.data}) {
    if (!file.empty()) require_existing(file, suite, task.line, problems);
  }
}

const Task& require_task(const Suite& suite, const std::string& name) {
  for (const Task& task : suite.tasks) {
    if (task.name == name) return task;
  }
  throw input_error(fmt::format("{}: unknown task \"{}\"{}; known: {}", suite.path.string(), name,
                                nearest_hint(name, task_names(suite)),
                                join(task_names(suite), ", ")));
}

std::vector<std::optional<double>> given_references(const Suite& suite,
                                                    const std::vector<std::string>& tasks) {
  std::vector<std::optional<double>> given;
  for (const std::string& task : tasks) given.push_back(require_task(suite, task).normalise_by);
  return given;
}

std::vector<std::string> task_names(const Suite& suite) {
  std::vector<std::string> names;
  for (const Task& task : suite.tasks) names.push_back(task.name);
  return names;
}

}  // namespace isomerge
