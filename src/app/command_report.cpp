#include <algorithm>
#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "app/commands.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "config/experiment.h"
#include "report/compare.h"
#include "report/csv.h"
#include "report/draw.h"
#include "report/figures.h"
#include "report/gnuplot.h"
#include "report/html.h"
#include "report/latex.h"
#include "report/markdown.h"
#include "report/table.h"

namespace isomerge {
namespace {

using Formats = std::vector<std::string>;

// In the order of the help.
const Formats kFormats = {"md", "tex", "csv", "html", "svg", "pdf", "png"};

Formats read_formats(const Arguments& arguments) {
  Formats formats = split(arguments.find("format").value_or("md,csv"), ',');
  for (const std::string& format : formats) {
    if (std::find(kFormats.begin(), kFormats.end(), format) != kFormats.end()) continue;
    throw input_error(fmt::format("report: --format: unknown format \"{}\"{}; known: {}", format,
                                  nearest_hint(format, kFormats), join(kFormats, ", ")));
  }
  return formats;
}

bool has(const Formats& formats, const char* format) {
  return std::find(formats.begin(), formats.end(), format) != formats.end();
}

// Files named after the experiment, in one folder.
class ReportFolder {
 public:
  ReportFolder(std::filesystem::path folder, std::string stem)
      : folder_(std::move(folder)), stem_(std::move(stem)) {
    require_writable_folder(folder_);
  }

  void write(const std::string& suffix, const std::string& text) const {
    write_text_file(folder_ / (stem_ + suffix), text);
  }
  void write_file(const std::string& name, const std::string& text) const {
    write_text_file(folder_ / name, text);
  }

 private:
  std::filesystem::path folder_;
  std::string stem_;
};

void write_tables(const Table& table, const Formats& formats, const ReportFolder& folder) {
  if (has(formats, "md")) folder.write(".md", markdown_text(table));
  if (has(formats, "tex")) folder.write(".tex", latex_text(table));
  if (has(formats, "csv")) {
    folder.write(".csv", csv_text(table));
    folder.write("_tasks.csv", csv_tasks_text(table));
  }
}

// Each figure with its data and the script that draws it; returns them with their SVG if the page
// needs that.
std::vector<DrawnFigure> write_figures(const std::vector<Figure>& figures, const Formats& formats,
                                       const ReportFolder& folder) {
  Formats wanted;
  for (const char* format : {"svg", "pdf", "png"}) {
    if (has(formats, format)) wanted.push_back(format);
  }
  Formats drawn = wanted;
  if (has(formats, "html") && !has(wanted, "svg")) drawn.push_back("svg");
  std::vector<DrawnFigure> pages;
  if (drawn.empty()) return pages;
  for (const Figure& figure : figures) {
    std::map<std::string, std::string> files = draw_figure(figure, drawn);
    for (const std::string& format : wanted) {
      folder.write_file(figure.name + "." + format, files.at(format));
    }
    if (!wanted.empty()) {
      folder.write_file(figure.name + ".csv", figure_csv(figure));
      folder.write_file(figure.name + ".gnuplot", gnuplot_script(figure, wanted));
    }
    if (has(formats, "html")) pages.push_back({figure, std::move(files.at("svg"))});
  }
  return pages;
}

void write_report(const Table& table, ExperimentRecords& records, const ResultStore& store,
                  const Formats& formats, const ReportFolder& folder) {
  write_tables(table, formats, folder);
  const bool only_tables = std::all_of(formats.begin(), formats.end(), [](const auto& format) {
    return format == "md" || format == "csv";
  });
  if (only_tables) return;
  const std::vector<Figure> figures = build_figures(table, records);
  if (has(formats, "tex") && !figures.empty()) {
    folder.write("-figures.tex", latex_figures_text(figures));
  }
  const std::vector<DrawnFigure> drawn = write_figures(figures, formats, folder);
  if (has(formats, "html")) {
    folder.write(".html", html_text(table, drawn, records, store.read_log()));
  }
}

}  // namespace

const CommandInfo& report_info() {
  static const CommandInfo info{
      "report",
      "EXPERIMENT.json [--results DIR] [--out DIR] [options]",
      "print an experiment's table from its records, write tables, figures and a page",
      "  isomerge report experiments/mini/table1.json --results results/demo --out results/demo "
      "\\\n"
      "    --format md,tex,csv,html,svg,pdf,png",
      {{"results", "DIR", "folder of the records (default: results)"},
       {"out", "DIR", "write what --format says there as well"},
       {"format", "LIST", "of md,tex,csv (tables), svg,pdf,png (figures), html (default: md,csv)"},
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
  const Formats formats = read_formats(arguments);
  const Plan plan = read_plan(results, experiment.stem);
  const ResultStore store(results);
  ExperimentRecords records(experiment, plan, store);
  const Table table = build_table(records);
  if (const auto out = arguments.find("out")) {
    write_report(table, records, store, formats, ReportFolder(*out, experiment.stem));
  }
  if (const auto reference = arguments.find("against")) {
    fmt::print("{}", comparison_text(csv_differences(read_text_file(*reference), csv_text(table))));
  } else {
    fmt::print("{}", arguments.has("json") ? json_text(table) : markdown_text(table));
  }
  return 0;
}

}  // namespace isomerge
