#include "config/mask_rows.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "config/method_info.h"

namespace isomerge {
namespace {

// "cars=0.2,dtd=0.5" in the order of the tasks: equal choices are equal options.
template <typename LambdaOf>
std::string lambdas_text(const std::vector<std::string>& task_set, const LambdaOf& lambda_of) {
  std::vector<std::string> parts;
  for (const std::string& task : task_set) {
    parts.push_back(fmt::format("{}={}", task, option_text(lambda_of(task))));
  }
  return join(parts, ",");
}

// All tasks have a lambda of their own, or none has.
bool has_own_lambdas(const Candidate& candidate) {
  return !candidate.by_task.empty() && candidate.by_task.begin()->second.count("lambda") != 0;
}

}  // namespace

const std::vector<double>& lambda_grid() {
  static const std::vector<double> grid = {0.2, 0.3, 0.4, 0.5, 0.6};
  return grid;
}

std::vector<std::string> open_options(const std::string& method,
                                      const std::vector<std::string>& given) {
  const auto is_given = [&](const std::string& name) {
    return std::find(given.begin(), given.end(), name) != given.end();
  };
  if (method == "consensus_ta" && !is_given("lambda") && !is_given("lambdas")) {
    return {"lambda", "lambdas"};
  }
  if (method != "tall_mask") return {};
  if (is_given("lambda")) return {"task"};
  return {"lambda", "task"};
}

std::map<std::string, Options> own_masks(const std::vector<std::string>& task_set) {
  std::map<std::string, Options> masks;
  for (const std::string& task : task_set) masks[task] = {{"task", task}};
  return masks;
}

bool needs_lambdas(const Row& row) {
  if (row.method != "consensus_ta" && row.method != "tall_mask") return false;
  const Candidate& first = row.candidates.front();
  return first.options.count("lambda") == 0 && !has_own_lambdas(first);
}

Row mask_trials(const Row& row) {
  const MethodInfo& method = require_method_info("tall_mask");
  Row trials{method.name, method.revision, row.task_set, {}, lambda_grid().size()};
  for (const double lambda : lambda_grid()) {
    trials.candidates.push_back({{{"lambda", lambda}}, 1.0, own_masks(row.task_set)});
  }
  return trials;
}

Row with_lambdas(Row row, const std::map<std::string, double>& lambdas) {
  const Options defaults = resolve_options(require_method_info(row.method), {});
  const std::string text =
      lambdas_text(row.task_set, [&](const std::string& task) { return lambdas.at(task); });
  for (Candidate& candidate : row.candidates) {
    if (row.method == "consensus_ta") {
      candidate.options["lambda"] = defaults.at("lambda");
      candidate.options["lambdas"] = text;
    }
    for (auto& [task, options] : candidate.by_task) options["lambda"] = lambdas.at(task);
  }
  return row;
}

Options shown_options(const Row& row, const Candidate& candidate) {
  Options shown = candidate.options;
  if (!has_own_lambdas(candidate)) return shown;
  shown["lambda"] = lambdas_text(row.task_set, [&](const std::string& task) {
    return candidate.by_task.at(task).at("lambda");
  });
  return shown;
}

}  // namespace isomerge
