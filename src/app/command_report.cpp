#include <filesystem>
#include <functional>

#include <fmt/format.h>

#include "app/commands.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "config/experiment.h"
#include "report/compare.h"
#include "report/csv.h"
#include "report/markdown.h"
#include "report/table.h"
#include "store/plan.h"
#include "store/result_store.h"

namespace isomerge {
namespace {

struct ReportFile {
  std::string format;
  std::string suffix;
  std::string (*text)(const Table&);
};
constexpr ReportFile kFiles[] = {
    {"md", ".md", markdown_text}, {"csv", ".csv", csv_text}, {"csv", "_tasks.csv", csv_tasks_text}};

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

void write_files(const Table& table, const std::string& stem, const std::filesystem::path& folder,
                 const std::vector<std::string>& formats) {
  require_writable_folder(folder);
  for (const std::string& format : formats) {
    bool is_known = false;
    for (const ReportFile& file : kFiles) {
      if (file.format != format) continue;
      is_known = true;
      write_text_file(folder / (stem + file.suffix), file.text(table));
    }
    if (!is_known) {
      throw input_error(
          fmt::format("report: --format: unknown format \"{}\"; known: md, csv", format));
    }
  }
}

}  // namespace

const CommandInfo& report_info() {
  static const CommandInfo info{
      "report",
      "EXPERIMENT.json [--results DIR] [--out DIR] [options]",
      "print an experiment's table from its records",
      "  isomerge report experiments/mini/vision8.json --results results/demo --out results/demo",
      {{"results", "DIR", "folder of the records (default: results)"},
       {"out", "DIR", "write the table there as well"},
       {"format", "LIST", "what to write to --out: md,csv (default: both)"},
       {"against", "FILE", "print how the table differs from this CSV instead"},
       {"set", "KEY=VALUE", "a key of the experiment file or a ${NAME} in it", true},
       {"json", "", "print the table as JSON"}},
      1,
      1};
  return info;
}

int run_report(const Arguments& arguments) {
  const Experiment experiment =
      read_experiment(arguments.operands()[0], arguments.settings("set"), Files::kMayBeMissing);
  const std::filesystem::path results = arguments.find("results").value_or("results");
  const Table table =
      build_table(experiment, read_plan(results, experiment.stem), ResultStore(results));
  if (const auto out = arguments.find("out")) {
    write_files(table, experiment.stem, *out,
                split_list(arguments.find("format").value_or("md,csv")));
  }
  if (const auto reference = arguments.find("against")) {
    fmt::print("{}", comparison_text(csv_differences(read_text_file(*reference), csv_text(table))));
  } else {
    fmt::print("{}", arguments.has("json") ? json_text(table) : markdown_text(table));
  }
  return 0;
}

}  // namespace isomerge
