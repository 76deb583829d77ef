#include "app/interference.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/suite_request.h"
#include "base/progress.h"
#include "checkpoint/checkpoint.h"
#include "experiment/suite_evaluator.h"

namespace isomerge {
namespace {

struct TaskDistance {
  std::string task, title;
  int64_t examples = 0;
  double distance = 0.0;
};

std::vector<TaskDistance> distances(SuiteEvaluator& evaluator,
                                    const std::vector<std::string>& tasks,
                                    const std::string& split) {
  Progress progress("comparing features", tasks.size());
  std::vector<TaskDistance> out;
  for (const std::string& task : tasks) {
    out.push_back({task, require_task(evaluator.suite(), task).title,
                   evaluator.split_size(task, split), evaluator.interference(task, split)});
    progress.add(1, task);
  }
  return out;
}

double mean_of(const std::vector<TaskDistance>& found) {
  const double sum = std::accumulate(
      found.begin(), found.end(), 0.0,
      [](double sum_so_far, const TaskDistance& task) { return sum_so_far + task.distance; });
  return sum / static_cast<double>(found.size());
}

void print_json(const std::vector<TaskDistance>& found, const std::string& weights,
                const std::string& split) {
  nlohmann::ordered_json tasks = nlohmann::ordered_json::array();
  for (const TaskDistance& task : found) {
    tasks.push_back(
        {{"task", task.task}, {"examples", task.examples}, {"distance", task.distance}});
  }
  const nlohmann::ordered_json out = {
      {"weights", weights}, {"split", split}, {"tasks", tasks}, {"mean", mean_of(found)}};
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_table(const std::vector<TaskDistance>& found, const std::string& weights,
                 const std::string& split) {
  fmt::print("mean L1 distance of features per dimension, {} to each task's expert; {} split\n",
             weights, split);
  for (const TaskDistance& task : found) {
    fmt::print("{:<36} {:8.4f}   {} examples\n", task.title, task.distance, task.examples);
  }
  fmt::print("{:<36} {:8.4f}   {} tasks\n", "mean", mean_of(found), found.size());
}

}  // namespace

int run_interference(const Arguments& arguments) {
  const std::string weights = arguments.require("weights");
  const auto [suite, tasks, split] =
      read_suite_request(arguments, arguments.operands()[1], Needs::kDataAndExperts);
  const auto evaluator =
      open_suite_evaluator(suite, tasks, arguments.threads(), arguments.device());
  evaluator->bind(Checkpoint(weights).read_all(), weights);
  const std::vector<TaskDistance> found = distances(*evaluator, tasks, split);
  if (arguments.has("json")) {
    print_json(found, weights, split);
  } else {
    print_table(found, weights, split);
  }
  return 0;
}

}  // namespace isomerge
