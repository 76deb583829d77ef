#include <chrono>
#include <ctime>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/suite_request.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/text.h"
#include "experiment/suite_evaluator.h"
#include "metric/accuracy.h"
#include "task/expert_file.h"

namespace isomerge {
namespace {

struct TaskScore {
  std::string task, title;
  Accuracy accuracy;
  // Reading images included, loading encoder and weights not; of the clock, and of all processors.
  double seconds = 0.0, processor_seconds = 0.0;
};

std::vector<TaskScore> evaluate_tasks(SuiteEvaluator& evaluator,
                                      const std::vector<std::string>& tasks,
                                      const std::string& split) {
  int64_t total = 0;
  for (const std::string& task : tasks) total += evaluator.split_size(task, split);
  Progress progress("evaluating", static_cast<uint64_t>(total));
  std::vector<TaskScore> scores;
  for (const std::string& task : tasks) {
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t processor_start = std::clock();
    const Evaluation result = evaluator.evaluate(task, split);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    scores.push_back({task, require_task(evaluator.suite(), task).title, result.accuracy,
                      elapsed.count(),
                      static_cast<double>(std::clock() - processor_start) / CLOCKS_PER_SEC});
    progress.add(static_cast<uint64_t>(result.accuracy.total), task);
  }
  return scores;
}

std::vector<Accuracy> accuracies(const std::vector<TaskScore>& scores) {
  std::vector<Accuracy> out;
  for (const TaskScore& score : scores) out.push_back(score.accuracy);
  return out;
}

void print_json(const std::vector<TaskScore>& scores, const std::string& weights,
                const std::string& split) {
  nlohmann::ordered_json tasks = nlohmann::ordered_json::array();
  for (const TaskScore& score : scores) {
    const Interval interval = wilson_interval(score.accuracy);
    tasks.push_back(
        {{"task", score.task},
         {"correct", nlohmann::ordered_json::parse(number_text(score.accuracy.correct))},
         {"total", score.accuracy.total},
         {"accuracy", score.accuracy.value()},
         {"low", interval.low},
         {"high", interval.high},
         {"seconds", score.seconds},
         {"processor_seconds", score.processor_seconds}});
  }
  const nlohmann::ordered_json out = {{"weights", weights},
                                      {"split", split},
                                      {"tasks", tasks},
                                      {"mean_accuracy", mean_accuracy(accuracies(scores))}};
  fmt::print("{}\n", out.dump(2));
}

at::ScalarType module_dtype(const Arguments& arguments) {
  const std::string text = arguments.find("precision").value_or("fp32");
  if (text == "fp32") return at::kFloat;
  if (text == "bf16") return at::kBFloat16;
  throw input_error(fmt::format("evaluate: --precision: expected fp32 or bf16, got \"{}\"", text));
}

void print_line(const std::string& title, double value, const Interval& interval,
                const std::string& counts) {
  fmt::print("{:<28} {:6.2f} %   95 %: {:6.2f} to {:6.2f}   {}\n", title, 100.0 * value,
             100.0 * interval.low, 100.0 * interval.high, counts);
}

}  // namespace

const CommandInfo& evaluate_info() {
  static const CommandInfo info{
      "evaluate",
      "SUITE.json --weights FILE [--task NAME ...] [--split test|val] [options]",
      "measure a checkpoint's accuracy on the tasks of a suite",
      "  isomerge evaluate experiments/suites/mini_vision.json --weights merged.safetensors",
      {{"weights", "FILE",
        "a checkpoint with the tensors of the suite's base, or an adapter of it"},
       {"task", "NAME", "only this task of the suite (default: all)", true},
       {"split", "test|val", "which examples (default: test)"},
       {"precision", "fp32|bf16", "in which the network computes (default: fp32)"},
       {"set", "NAME=VALUE", "a ${NAME} of the suite file", true},
       {"json", "", "print the scores as JSON, in 0..1"}},
      1,
      1};
  return info;
}

int run_evaluate(const Arguments& arguments) {
  const std::string weights = arguments.require("weights");
  const auto [suite, tasks, split] =
      read_suite_request(arguments, arguments.operands()[0], Needs::kData);

  const auto evaluator = open_suite_evaluator(suite, tasks, arguments.threads(), arguments.device(),
                                              module_dtype(arguments));
  const Checkpoint base(suite.base);
  evaluator->bind(ExpertFile(weights, base).weights(), weights);
  const auto scores = evaluate_tasks(*evaluator, tasks, split);
  if (arguments.has("json")) {
    print_json(scores, weights, split);
    return 0;
  }
  for (const TaskScore& score : scores) {
    print_line(score.title, score.accuracy.value(), wilson_interval(score.accuracy),
               fmt::format("{} of {}", number_text(score.accuracy.correct), score.accuracy.total));
  }
  print_line("mean", mean_accuracy(accuracies(scores)), mean_interval(accuracies(scores)),
             fmt::format("{} tasks, {}", scores.size(), split));
  return 0;
}

}  // namespace isomerge
