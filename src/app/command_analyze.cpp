#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "app/analysis_output.h"
#include "app/analysis_request.h"
#include "app/commands.h"
#include "app/interference.h"
#include "base/error.h"
#include "base/log.h"
#include "config/recipe.h"

namespace isomerge {
namespace {

void compute(const Arguments& arguments, AnalysisReport* report) {
  std::vector<Expert> experts;
  for (const std::string& text : arguments.all("expert")) {
    auto [task, path] = parse_expert(text);
    experts.push_back({task, path});
  }
  const Updates updates(arguments.require("base"), experts);
  std::optional<MergedUpdate> merged;
  if (!report->merged.empty()) merged.emplace(report->merged, updates.base());
  const MergedUpdate* d_m = merged ? &*merged : nullptr;
  std::optional<FactorCache> cache;
  if (const auto folder = arguments.find("cache")) cache.emplace(*folder);
  report->settings.cache = cache ? &*cache : nullptr;
  if (report->kinds != std::vector<AnalysisKind>{AnalysisKind::kCosine}) {
    report->suite = analyse_matrices(updates, d_m, report->settings);
  }
  if (asks_for(*report, {AnalysisKind::kCosine})) {
    report->cosines = update_cosines(
        updates, d_m, {report->settings.selection, report->grouping, report->settings.threads});
  }
  report->settings.cache = nullptr;
}

// What a reader of the numbers has to know.
void report_oddities(const SuiteAnalysis& suite) {
  const auto tied = std::count_if(suite.matrices.begin(), suite.matrices.end(),
                                  [](const MatrixAnalysis& matrix) { return matrix.is_tied; });
  if (tied > 0) {
    log_warning(
        fmt::format("in {} of {} matrices a rank lies between equal singular values: which "
                    "directions are taken there is arbitrary",
                    tied, suite.matrices.size()));
  }
  if (!suite.unchanged.empty()) {
    log_info(
        fmt::format("{} matrices that no expert changed are left out", suite.unchanged.size()));
  }
}

}  // namespace

const CommandInfo& analyze_info() {
  static const CommandInfo info{
      "analyze",
      "sar|pairs|spectrum|cosine|truncation ... --base BASE --expert TASK=PATH ... [options]\n"
      "  isomerge analyze interference SUITE.json --weights FILE [options]",
      "alignment, spectra and cosines of updates; interference of merging",
      "  isomerge analyze sar pairs --rank-rule paper --rank-rule code --per layer \\\n"
      "    --base base.safetensors --expert cars=cars.safetensors --expert dtd=dtd.safetensors\n"
      "  isomerge analyze sar --merged iso_c.safetensors --rank 0.25 --base base.safetensors \\\n"
      "    --expert cars=cars.safetensors --expert dtd=dtd.safetensors\n"
      "  isomerge analyze interference experiments/suites/mini_vision.json \\\n"
      "    --weights merged.safetensors",
      {{"base", "FILE", "the pretrained checkpoint"},
       {"expert", "TASK=FILE", "a checkpoint fine-tuned from it", true},
       {"merged", "FILE", "a merged model or --update-only file (default: the sum of updates)"},
       {"rank-rule", "paper|code", "k from the merged spectrum: Eq. 6 or the public script", true},
       {"epsilon", "X", "of the rules: relative error, norm that may be lost (default: 0.05)"},
       {"off-by-one", "", "code: leave out the direction that crosses, as the script does"},
       {"rank", "K|FRACTION", "this k, or this share of r (0.25), for every matrix", true},
       {"beta", "X", "k and spectra of (1 - X) spectrum + X mean, 0 to 1", true},
       {"side", "left|right|both", "which singular vectors project (default: left)", true},
       {"per", "matrix|layer|module|model", "average over what (default: model)"},
       {"of", "TASK|sum|merged", "whose spectrum (default: every task's and merged)", true},
       {"include", "GLOB", "look only at these tensors", true},
       {"exclude", "GLOB", "leave these tensors out", true},
       {"precision", "fp32|fp64", "of the computation (default: fp32)"},
       {"cache", "DIR", "keep factorisations there, and reuse those of merges"},
       {"weights", "FILE", "interference: the merged model"},
       {"task", "NAME", "interference: only this task of the suite (default: all)", true},
       {"split", "test|val", "interference: which examples (default: test)"},
       {"set", "NAME=VALUE", "interference: a ${NAME} of the suite file", true},
       {"json", "", "print all numbers as JSON"}},
      1,
      5};
  return info;
}

int run_analyze(const Arguments& arguments) {
  if (asks_for_interference(arguments)) return run_interference(arguments);
  if (!arguments.device().is_cpu()) {
    throw input_error("analyze: --device: analyses run on the cpu alone");
  }
  AnalysisReport report = read_analysis_request(arguments);
  compute(arguments, &report);
  report_oddities(report.suite);
  if (arguments.has("json")) {
    print_analysis_json(report);
  } else {
    print_analysis(report);
  }
  return 0;
}

}  // namespace isomerge
