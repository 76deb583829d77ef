#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/suite_request.h"
#include "base/error.h"
#include "base/text.h"
#include "experiment/suite_statistics.h"

namespace isomerge {
namespace {

SuiteStatistics settings_of(const Arguments& arguments) {
  SuiteStatistics how;
  how.folder = arguments.require("out");
  how.split = arguments.find("split").value_or(how.split);
  how.examples = arguments.find_whole("examples").value_or(how.examples);
  if (how.examples < 1) {
    throw input_error(
        fmt::format("statistics: --examples: expected at least 1, got {}", how.examples));
  }
  how.max_memory = arguments.find_bytes("max-memory").value_or(0);
  how.threads = arguments.threads();
  how.device = arguments.device();
  return how;
}

nlohmann::ordered_json json_of(const WrittenStatistics& written) {
  return {{"kind", kind_text(written.kind)},
          {"tensors", written.summary.tensors},
          {"passes", written.summary.passes},
          {"too_wide", written.summary.skipped},
          {"bytes_of_a_pass", written.summary.bytes}};
}

void print_lines(const std::string& task, const std::vector<WrittenStatistics>& all) {
  if (all.empty()) fmt::print("{}: all there already\n", task);
  for (const WrittenStatistics& written : all) {
    fmt::print("{}: {} of {} tensors, {} pass{}, {} at once{}\n", task, kind_text(written.kind),
               written.summary.tensors, written.summary.passes,
               written.summary.passes == 1 ? "" : "es", human_bytes(written.summary.bytes),
               written.summary.skipped > 0
                   ? fmt::format("; {} outputs too wide, left out", written.summary.skipped)
                   : "");
  }
}

}  // namespace

const CommandInfo& statistics_info() {
  static const CommandInfo info{
      "statistics",
      "SUITE.json --kind gram|fisher|kfac|block_fisher --out DIR [options]",
      "what fisher, regmean and mats need to know of each expert, from its examples",
      "  isomerge statistics experiments/suites/mini_language.json --kind gram --out statistics/",
      {{"kind", "gram|fisher|kfac|block_fisher",
        "inputs of linear operations, squared gradients, inputs and gradients of linear "
        "operations, or products of a vector's gradients"},
       {"out", "DIR", "a file per task and kind; what is there of the same bytes is kept"},
       {"task", "NAME", "only this task of the suite (default: all)", true},
       {"split", "test|val", "whose examples (default: val)"},
       {"examples", "N", "at most, from the start of the split (default: 1000)"},
       {"max-memory", "SIZE", "for sums beside the model: 4GiB; more passes over the examples"},
       {"set", "NAME=VALUE", "a ${NAME} of the suite file", true},
       {"json", "", "print a summary as JSON"}},
      1,
      1};
  return info;
}

int run_statistics(const Arguments& arguments) {
  const SuiteStatistics how = settings_of(arguments);
  const auto kinds = parse_statistics_kind(arguments.require("kind"));
  const auto [suite, tasks, split] =
      read_suite_request(arguments, arguments.operands()[0], Needs::kDataAndExperts);
  nlohmann::ordered_json summaries = nlohmann::ordered_json::object();
  for (const std::string& task : tasks) {
    const auto written = complete_statistics(suite, task, kinds, how);
    if (!arguments.has("json")) {
      print_lines(task, written);
      continue;
    }
    summaries[task] = nlohmann::ordered_json::array();
    for (const WrittenStatistics& one : written) summaries[task].push_back(json_of(one));
  }
  if (arguments.has("json")) fmt::print("{}\n", summaries.dump(2));
  return 0;
}

}  // namespace isomerge
