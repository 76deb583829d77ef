#include "config/task_sets.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "config/grid.h"

namespace isomerge {
namespace {

// Where we are in the file, and where problems go.
struct Reading {
  const std::filesystem::path& file;
  Problems& problems;
  void problem(int line, const std::string& fact) const { problems.add(file, line, fact); }
};

TaskSet first_tasks(int64_t count, int line, const Suite& suite, const Reading& reading) {
  TaskSet names = task_names(suite);
  const auto all = static_cast<int64_t>(names.size());
  if (count < 1 || count > all) {
    if (all > 0) {
      reading.problem(line, fmt::format("\"tasks\": expected 1 to {}, the number of tasks in {}, "
                                        "got {}",
                                        all, suite.path.string(), count));
    }
    return names;
  }
  names.resize(static_cast<size_t>(count));
  return names;
}

TaskSet named_tasks(const std::vector<JsonValue>& items, const Suite& suite,
                    const Reading& reading) {
  const TaskSet all = task_names(suite);
  TaskSet wanted;
  for (const JsonValue& item : items) {
    if (!item.is(JsonValue::Kind::kString)) {
      reading.problem(item.line,
                      fmt::format("\"tasks\": expected a task name, got {}", kind_text(item)));
    } else if (std::find(wanted.begin(), wanted.end(), item.text) != wanted.end()) {
      reading.problem(item.line, fmt::format("task \"{}\" given twice", item.text));
    } else if (std::find(all.begin(), all.end(), item.text) != all.end()) {
      wanted.push_back(item.text);
    } else if (!all.empty()) {
      reading.problem(item.line, fmt::format("unknown task \"{}\"{}; known: {}", item.text,
                                             nearest_hint(item.text, all), join(all, ", ")));
    }
  }
  TaskSet ordered;
  std::copy_if(all.begin(), all.end(), std::back_inserter(ordered), [&](const std::string& name) {
    return std::find(wanted.begin(), wanted.end(), name) != wanted.end();
  });
  return ordered;
}

}  // namespace

std::vector<TaskSet> read_task_sets(const JsonValue* value, const Suite& suite,
                                    const std::filesystem::path& file, Problems& problems) {
  const Reading reading{file, problems};
  if (value == nullptr) return {task_names(suite)};
  std::vector<JsonValue> items = value->items;
  if (!value->is(JsonValue::Kind::kList)) items = {*value};
  const bool names = std::all_of(items.begin(), items.end(), [](const JsonValue& item) {
    return item.is(JsonValue::Kind::kString) && item.text.find(':') == std::string::npos;
  });
  if (items.empty()) reading.problem(value->line, "\"tasks\": empty list");
  if (names) return {named_tasks(items, suite, reading)};
  std::vector<TaskSet> sets;
  for (const JsonValue& item : items) {
    if (item.is(JsonValue::Kind::kList)) {
      sets.push_back(named_tasks(item.items, suite, reading));
      continue;
    }
    for (const OptionValue& one : axis_values(item, "tasks", file, problems)) {
      if (const auto* count = std::get_if<int64_t>(&one)) {
        sets.push_back(first_tasks(*count, item.line, suite, reading));
      } else {
        reading.problem(item.line, fmt::format("\"tasks\": expected numbers of tasks, or names, "
                                               "got {}",
                                               option_text(one)));
      }
    }
  }
  return sets;
}

}  // namespace isomerge
