#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/text.h"
#include "config/configuration.h"
#include "config/experiment.h"
#include "config/mask_rows.h"
#include "experiment/runner.h"

namespace isomerge {
namespace {

void print_plan(const Experiment& experiment) {
  size_t candidates = 0;
  for (const Row& row : experiment.rows) {
    const Candidate& first = row.candidates.front();
    fmt::print("{:<48} {:>2} tasks  {:>3} candidate{}",
               configuration_text({row.method, first.options, {}}), row.task_set.size(),
               row.candidates.size(), row.candidates.size() == 1 ? "" : "s");
    if (needs_lambdas(row)) {
      fmt::print(", once {} masks on {} chose a lambda per task",
                 lambda_grid().size() * row.task_set.size(), experiment.select.split);
    }
    fmt::print("\n");
    candidates += row.candidates.size();
  }
  fmt::print("{} rows, {} candidates; each of them on the {} split, the chosen ones on {}\n",
             experiment.rows.size(), candidates, experiment.select.split, experiment.report_split);
}

std::string unfinished_text(const RowStatus& row) {
  if (row.masks_evaluated == row.masks) return "not complete";
  return fmt::format("not complete, lambdas unknown: {} of {} masks evaluated", row.masks_evaluated,
                     row.masks);
}

int print_status(const Experiment& experiment, const std::filesystem::path& results, bool json) {
  const auto rows = experiment_status(experiment, results);
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const RowStatus& row : rows) {
    out.push_back({{"row", row.row},
                   {"masks", row.masks},
                   {"masks_evaluated", row.masks_evaluated},
                   {"candidates", row.candidates},
                   {"evaluated", row.evaluated},
                   {"chosen", row.chosen},
                   {"complete", row.is_complete}});
    if (!json) {
      fmt::print("{:<56} {:>3} of {:>3} candidates  {}\n", row.row, row.evaluated, row.candidates,
                 row.is_complete ? "complete, chose " + row.chosen : unfinished_text(row));
    }
  }
  if (json) fmt::print("{}\n", out.dump(2));
  return 0;
}

void print_summary(const RunSummary& summary, const std::filesystem::path& results, bool json) {
  if (json) {
    const nlohmann::ordered_json out = {{"results", results.string()},
                                        {"computed", summary.computed},
                                        {"reused", summary.reused},
                                        {"failed", summary.failed},
                                        {"failures", summary.failures}};
    fmt::print("{}\n", out.dump(2));
    return;
  }
  if (summary.computed == 0 && summary.failed == 0) {
    fmt::print("nothing to do: all {} records are in {}\n", summary.reused, results.string());
    return;
  }
  fmt::print("{} records computed, {} reused, {} failed; they are in {}\n", summary.computed,
             summary.reused, summary.failed, results.string());
}

}  // namespace

const CommandInfo& run_info() {
  static const CommandInfo info{
      "run",
      "EXPERIMENT.json [--results DIR] [--set key=value ...] [options]",
      "carry out an experiment; what is stored already is not computed again",
      "  isomerge run experiments/mini/table1.json --results results/demo",
      {{"results", "DIR", "folder of the records (default: results)"},
       {"set", "KEY=VALUE", "a key of the experiment file or a ${NAME} in it", true},
       {"status", "", "print how far the stored records reach"},
       {"dry-run", "", "check everything and print the rows"},
       {"json", "", "print the summary or the status as JSON"}},
      1,
      1};
  return info;
}

int run_run(const Arguments& arguments) {
  const Experiment experiment = read_experiment(arguments.operands()[0], arguments.settings("set"));
  const std::filesystem::path results = arguments.find("results").value_or("results");
  if (arguments.has("dry-run")) {
    print_plan(experiment);
    return 0;
  }
  if (arguments.has("status")) return print_status(experiment, results, arguments.has("json"));
  const RunSettings settings{results, arguments.threads(), arguments.device(), program_version()};
  const RunSummary summary = run_experiment(experiment, settings);
  print_summary(summary, results, arguments.has("json"));
  return summary.failed > 0 ? 1 : 0;
}

}  // namespace isomerge
