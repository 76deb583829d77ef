#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "base/text.h"
#include "config/configuration.h"
#include "config/experiment.h"
#include "config/mask_rows.h"
#include "experiment/experiment_status.h"
#include "experiment/run_estimate.h"
#include "experiment/runner.h"

namespace isomerge {
namespace {

nlohmann::ordered_json estimate_json(const RowEstimate& estimate) {
  return {{"merges", estimate.merges},
          {"evaluations", estimate.evaluations},
          {"examples", estimate.examples},
          {"merge_seconds", estimate.merge_seconds},
          {"encode_seconds", estimate.encode_seconds}};
}

std::string row_configuration(const Row& row) {
  return configuration_text({row.method, row.candidates.front().options, {}});
}

void print_plan_json(const Experiment& experiment, const RunEstimate& estimate, int threads) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (size_t i = 0; i < experiment.rows.size(); ++i) {
    const Row& row = experiment.rows[i];
    nlohmann::ordered_json json = {{"row", row_configuration(row)},
                                   {"tasks", row.task_set},
                                   {"candidates", row.candidates.size()}};
    json.update(estimate_json(estimate.rows[i]));
    rows.push_back(json);
  }
  const nlohmann::ordered_json out = {{"rows", rows},
                                      {"experts", estimate_json(estimate.experts)},
                                      {"total", estimate_json(estimate.total())},
                                      {"memory", estimate.memory},
                                      {"threads", threads}};
  fmt::print("{}\n", out.dump(2));
}

void print_plan(const Experiment& experiment, const RunEstimate& estimate, int threads) {
  size_t candidates = 0;
  for (size_t i = 0; i < experiment.rows.size(); ++i) {
    const Row& row = experiment.rows[i];
    const RowEstimate& cost = estimate.rows[i];
    fmt::print("{:<48} {:>2} tasks  {:>3} candidate{}", row_configuration(row), row.task_set.size(),
               row.candidates.size(), row.candidates.size() == 1 ? "" : "s");
    if (needs_lambdas(row)) {
      fmt::print(", once {} masks on {} chose a lambda per task",
                 lambda_grid().size() * row.task_set.size(), experiment.select.split);
    }
    fmt::print("; {} merges {}, {} evaluations {}\n", cost.merges,
               human_seconds(cost.merge_seconds), cost.evaluations,
               human_seconds(cost.encode_seconds));
    candidates += row.candidates.size();
  }
  fmt::print("{} rows, {} candidates; each of them on the {} split, the chosen ones on {}\n",
             experiment.rows.size(), candidates, experiment.select.split, experiment.report_split);
  const RowEstimate all = estimate.total();
  fmt::print(
      "at most {} merges ({}) and {} evaluations ({}; {} examples): {} and {} of memory on {} "
      "thread{}\n",
      all.merges, human_seconds(all.merge_seconds), all.evaluations,
      human_seconds(all.encode_seconds), all.examples,
      human_seconds(all.merge_seconds + all.encode_seconds), human_bytes(estimate.memory), threads,
      threads == 1 ? "" : "s");
  fmt::print(
      "  as fast as a few examples were now; records that are there and patience save work, "
      "loading "
      "weights and analyses are not counted\n");
}

std::string unfinished_text(const RowStatus& row) {
  if (row.masks_evaluated == row.masks) return "not complete";
  return fmt::format("not complete, lambdas unknown: {} of {} masks evaluated", row.masks_evaluated,
                     row.masks);
}

nlohmann::ordered_json status_json(const ExperimentStatus& status) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const RowStatus& row : status.rows) {
    rows.push_back({{"row", row.row},
                    {"masks", row.masks},
                    {"masks_evaluated", row.masks_evaluated},
                    {"candidates", row.candidates},
                    {"evaluated", row.evaluated},
                    {"chosen", row.chosen},
                    {"complete", row.is_complete},
                    {"missing", row.missing}});
  }
  nlohmann::ordered_json claims = nlohmann::ordered_json::array();
  for (const Claim& claim : status.claims) {
    claims.push_back({{"work", claim.label},
                      {"host", claim.holder.host},
                      {"pid", claim.holder.pid},
                      {"missing_at_start", claim.missing}});
  }
  return {{"rows", rows},
          {"claims", claims},
          {"missing", status.missing},
          {"seconds_each", status.seconds_each},
          {"seconds_left", status.seconds_left()}};
}

int print_status(const Experiment& experiment, const std::filesystem::path& results, bool json) {
  const ExperimentStatus status = experiment_status(experiment, results);
  if (json) {
    fmt::print("{}\n", status_json(status).dump(2));
    return 0;
  }
  for (const RowStatus& row : status.rows) {
    fmt::print("{:<56} {:>3} of {:>3} candidates  {}\n", row.row, row.evaluated, row.candidates,
               row.is_complete ? "complete, chose " + row.chosen : unfinished_text(row));
  }
  for (const Claim& claim : status.claims) {
    fmt::print("in work: {}, by process {} on {}\n", claim.label, claim.holder.pid,
               claim.holder.host);
  }
  if (status.missing == 0) return 0;
  fmt::print("at most {} records are missing", status.missing);
  if (status.seconds_each > 0.0) {
    fmt::print("; a record took {} until now, {} would need about {}",
               human_seconds(status.seconds_each),
               status.claims.size() > 1 ? fmt::format("{} processes", status.claims.size())
                                        : "one process",
               human_seconds(status.seconds_left()));
  }
  fmt::print("\n");
  return 0;
}

void print_summary(const RunSummary& summary, const std::filesystem::path& results, bool json) {
  if (json) {
    const nlohmann::ordered_json out = {{"results", results.string()},
                                        {"computed", summary.computed},
                                        {"reused", summary.reused},
                                        {"failed", summary.failed},
                                        {"left_to_others", summary.left_to_others},
                                        {"merge_seconds", summary.merge_seconds},
                                        {"evaluate_seconds", summary.evaluate_seconds},
                                        {"factors_reused", summary.cache.reused},
                                        {"factors_computed", summary.cache.computed},
                                        {"failures", summary.failures}};
    fmt::print("{}\n", out.dump(2));
    return;
  }
  if (summary.left_to_others > 0) {
    fmt::print(
        "{} records computed, {} reused, {} failed; they are in {}. Other shards are at the "
        "last {} pieces of work\n",
        summary.computed, summary.reused, summary.failed, results.string(), summary.left_to_others);
    return;
  }
  if (summary.computed == 0 && summary.failed == 0) {
    fmt::print("nothing to do: all {} records are in {}\n", summary.reused, results.string());
    return;
  }
  fmt::print("{} records computed, {} reused, {} failed; they are in {}\n", summary.computed,
             summary.reused, summary.failed, results.string());
}

// "2/4" is the second of four.
void set_shard(const std::string& text, RunSettings* settings) {
  const size_t slash = std::min(text.find('/'), text.size());
  const auto number = [&](const std::string& part) -> int64_t {
    const bool is_whole =
        !part.empty() && part.size() < 7 && part.find_first_not_of("0123456789") == part.npos;
    return is_whole ? std::stoll(part) : 0;
  };
  const int64_t shard = number(text.substr(0, slash));
  const int64_t shards = slash < text.size() ? number(text.substr(slash + 1)) : 0;
  if (shard < 1 || shard > shards) {
    throw input_error(fmt::format(
        "--shard {}: expected I/N with I from 1 to N, as 2/4 for the second of four", text));
  }
  settings->shard = static_cast<int>(shard - 1);
  settings->shards = static_cast<int>(shards);
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
       {"shard", "I/N", "as the I-th of N processes that share the results: its part first"},
       {"cache", "DIR", "keep factorisations there: candidates, rows and later runs share them"},
       {"cache-size", "SIZE", "that the cache may take: 20GiB (default: no bound)"},
       {"status", "", "print how far the stored records reach, and who is at work"},
       {"dry-run", "", "check everything; print the rows, and how long they would take at most"},
       {"json", "", "print the summary, the status or the dry run as JSON"}},
      1,
      1};
  return info;
}

int run_run(const Arguments& arguments) {
  const Experiment experiment = read_experiment(arguments.operands()[0], arguments.settings("set"));
  const std::filesystem::path results = arguments.find("results").value_or("results");
  RunSettings settings{results,
                       arguments.threads(),
                       arguments.device(),
                       program_version(),
                       arguments.find("cache").value_or(""),
                       cache_size_of(arguments)};
  if (const auto text = arguments.find("shard")) set_shard(*text, &settings);
  if (arguments.has("dry-run")) {
    const RunEstimate estimate = estimate_run(experiment, settings);
    if (arguments.has("json")) {
      print_plan_json(experiment, estimate, settings.threads);
    } else {
      print_plan(experiment, estimate, settings.threads);
    }
    return 0;
  }
  if (arguments.has("status")) return print_status(experiment, results, arguments.has("json"));
  const RunSummary summary = run_experiment(experiment, settings);
  print_summary(summary, results, arguments.has("json"));
  return summary.failed > 0 ? 1 : 0;
}

}  // namespace isomerge
