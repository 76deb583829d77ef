#include "config/rows.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "config/grid.h"
#include "config/mask_rows.h"
#include "config/method_info.h"

namespace isomerge {
namespace {

constexpr size_t kMaxCombinations = 100'000;

// Where we are in the file, and where problems go.
struct Reading {
  const std::filesystem::path& file;
  Problems& problems;
  void problem(int line, const std::string& fact) const { problems.add(file, line, fact); }
};

// One method of the file with its axes.
struct Entry {
  const MethodInfo& method;
  int line;
  std::vector<GridAxis> options;              // the method's, by name, but for open_options()
  std::vector<std::optional<double>> alphas;  // at least one
  std::vector<TaskSet> task_sets;
};

std::vector<std::optional<double>> read_alphas(const JsonValue* value, const MethodInfo& method,
                                               const Reading& reading) {
  if (value == nullptr) return {method.default_alpha};
  if (!method.merges) {
    reading.problem(value->line, fmt::format("method {} has no alpha", method.name));
    return {{}};
  }
  std::vector<std::optional<double>> alphas;
  for (const OptionValue& one : axis_values(*value, "alpha", reading.file, reading.problems)) {
    const std::optional<double> alpha = parse_number(option_text(one));
    if (!alpha || std::holds_alternative<std::string>(one)) {
      reading.problem(value->line,
                      fmt::format("\"alpha\": expected numbers, got {}", option_text(one)));
    } else if (!alphas.empty() && *alpha <= *alphas.back()) {
      reading.problem(value->line, fmt::format("\"alpha\": expected ascending values, got {} after "
                                               "{}",
                                               number_text(*alpha), number_text(*alphas.back())));
    } else {
      alphas.push_back(*alpha + 0.0);  // no negative zero: it would be another key
    }
  }
  if (alphas.empty()) alphas.emplace_back(method.default_alpha);
  return alphas;
}

// Values of one option, in their resolved type; wrong ones are problems and left out.
GridAxis read_option(const MethodInfo& method, const std::string& name, const JsonValue& value,
                     const Reading& reading) {
  GridAxis axis{name, {}};
  for (const OptionValue& one : axis_values(value, name, reading.file, reading.problems)) {
    const auto problem = find_option_problem(method, name, one);
    if (problem) {
      reading.problem(value.line, *problem);
      continue;
    }
    const OptionValue resolved = resolve_options(method, {{name, one}}).at(name);
    if (std::find(axis.values.begin(), axis.values.end(), resolved) != axis.values.end()) {
      reading.problem(value.line,
                      fmt::format("\"{}\": {} given twice", name, option_text(resolved)));
    } else {
      axis.values.push_back(resolved);
    }
  }
  return axis;
}

std::vector<GridAxis> read_options(const JsonValue* value, const MethodInfo& method,
                                   const Reading& reading) {
  std::map<std::string, GridAxis> axes;
  for (const auto& [name, fallback] : resolve_options(method, {})) axes[name] = {name, {fallback}};
  if (value != nullptr && !value->is(JsonValue::Kind::kObject)) {
    reading.problem(value->line,
                    fmt::format("\"options\": expected an object, got {}", kind_text(*value)));
  }
  std::vector<std::string> given;
  if (value != nullptr) {
    for (const JsonMember& member : value->members) {
      given.push_back(member.key);
      GridAxis axis = read_option(method, member.key, member.value, reading);
      if (!axis.values.empty()) axes[member.key] = std::move(axis);
    }
  }
  for (const std::string& name : open_options(method.name, given)) {
    axes.erase(name);
    if (std::find(given.begin(), given.end(), name) == given.end()) continue;
    reading.problem(value->line,
                    fmt::format("option \"{}\" of method {}: not in an experiment, which evaluates "
                                "every task with its own",
                                name, method.name));
  }
  std::vector<GridAxis> out;
  for (auto& [name, axis] : axes) out.push_back(std::move(axis));
  return out;
}

// Every value of every option has to fit the number of tasks in every task set.
void require_fitting_counts(const Entry& entry, const Reading& reading) {
  for (const TaskSet& tasks : entry.task_sets) {
    for (const GridAxis& axis : entry.options) {
      for (const OptionValue& value : axis.values) {
        const auto problem = find_count_problem(entry.method, {{axis.name, value}}, tasks.size());
        if (!problem) continue;
        reading.problem(entry.line, *problem);
        return;
      }
    }
  }
}

// Nothing if the entry names no method: then its problem is on record.
std::optional<Entry> read_entry(const JsonValue& value, const std::vector<TaskSet>& task_sets,
                                const Suite& suite, const Reading& reading) {
  const std::vector<std::string> known = method_names();
  std::string name = value.text;
  const JsonValue* alpha = nullptr;
  const JsonValue* options = nullptr;
  const JsonValue* tasks = nullptr;
  int line = value.line;
  if (!value.is(JsonValue::Kind::kString)) {
    ObjectReader reader(value, "a method", reading.file, reading.problems);
    name = reader.require_string("method");
    alpha = reader.find("alpha");
    options = reader.find("options");
    tasks = reader.find("tasks");
    reader.finish();
    if (name.empty()) return {};
    line = reader.find("method")->line;
  }
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    reading.problem(line, fmt::format("unknown method \"{}\"{}; known: {}", name,
                                      nearest_hint(name, known), join(known, ", ")));
    return {};
  }
  const MethodInfo& method = require_method_info(name);
  Entry entry{
      method, line, read_options(options, method, reading), read_alphas(alpha, method, reading),
      tasks == nullptr ? task_sets : read_task_sets(tasks, suite, reading.file, reading.problems)};
  require_fitting_counts(entry, reading);
  size_t combinations = entry.alphas.size();
  for (const GridAxis& axis : entry.options) combinations *= axis.values.size();
  if (combinations > kMaxCombinations) {
    reading.problem(line, fmt::format("method {}: more than {} combinations", name,
                                      with_commas(kMaxCombinations)));
    return {};
  }
  return entry;
}

std::vector<Row> rows_of(const Entry& entry, const std::vector<std::string>& selected) {
  const auto is_selected = [&](const std::string& name) {
    return std::find(selected.begin(), selected.end(), name) != selected.end();
  };
  std::vector<GridAxis> inside, outside;
  for (const GridAxis& axis : entry.options)
    (is_selected(axis.name) ? inside : outside).push_back(axis);
  // Alphas of one row: all of them, or one each.
  std::vector<std::vector<std::optional<double>>> alphas = {entry.alphas};
  if (!is_selected("alpha")) {
    alphas.clear();
    for (const auto& alpha : entry.alphas) alphas.push_back({alpha});
  }
  std::vector<Row> rows;
  for (const TaskSet& tasks : entry.task_sets) {
    const auto by_task =
        entry.method.name == "tall_mask" ? own_masks(tasks) : std::map<std::string, Options>{};
    for (const Options& fixed : multiply(outside)) {
      for (const auto& line : alphas) {
        Row row;
        row.method = entry.method.name;
        row.revision = entry.method.revision;
        row.task_set = tasks;
        row.line_length = line.size();
        row.uses_statistics = entry.method.uses_statistics;
        for (Options options : multiply(inside)) {
          options.insert(fixed.begin(), fixed.end());
          for (const auto& alpha : line) row.candidates.push_back({options, alpha, by_task});
        }
        rows.push_back(std::move(row));
      }
    }
  }
  return rows;
}

}  // namespace

std::vector<Row> read_rows(const JsonValue& methods, const std::vector<TaskSet>& task_sets,
                           const Suite& suite, const std::vector<std::string>& selected,
                           const std::filesystem::path& file, Problems& problems) {
  const Reading reading{file, problems};
  if (methods.items.empty())
    reading.problem(methods.line, "\"methods\": expected a list of methods");
  std::vector<Row> rows;
  for (const JsonValue& value : methods.items) {
    const std::optional<Entry> entry = read_entry(value, task_sets, suite, reading);
    if (!entry) continue;
    for (Row& row : rows_of(*entry, selected)) {
      if (std::find(rows.begin(), rows.end(), row) != rows.end()) {
        reading.problem(entry->line, fmt::format("method {} is listed twice with the same options",
                                                 entry->method.name));
        break;
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace isomerge
