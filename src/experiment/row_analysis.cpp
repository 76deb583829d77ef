#include "experiment/row_analysis.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "analysis/averages.h"
#include "analysis/cosine.h"
#include "analysis/matrix_analysis.h"
#include "analysis/names.h"
#include "analysis/spectrum.h"
#include "base/text.h"

namespace isomerge {
namespace {

using Lines = std::vector<std::vector<std::string>>;

AnalysisSettings settings_of(const AnalysisEntry& entry, int threads) {
  AnalysisSettings settings;
  settings.selection = {entry.include, entry.exclude};
  settings.with_sar = entry.kind == AnalysisEntry::Kind::kSar;
  settings.with_pairs = entry.kind == AnalysisEntry::Kind::kPairs;
  for (const double beta : entry.betas) {
    settings.ranks.emplace_back(
        EnergyRule{require_rule(entry.rank_rule), entry.epsilon, entry.off_by_one, beta});
  }
  settings.sides = {require_side(entry.side)};
  if (entry.kind == AnalysisEntry::Kind::kSpectrum) settings.subjects = {kMerged};
  settings.threads = threads;
  return settings;
}

std::string block_of(const std::string& group) {
  for (const std::string& part : split(group, '.')) {
    if (parse_number(part)) return part;
  }
  return "";
}

AnalysisTable alignments(const AnalysisEntry& entry, const std::vector<std::string>& tasks,
                         const SuiteAnalysis& suite, const AnalysisSettings& settings) {
  const bool is_square = entry.kind == AnalysisEntry::Kind::kPairs;
  AnalysisTable table;
  table.columns = is_square
                      ? std::vector<std::string>{"row", "column", "group", "beta", "k", "sar"}
                      : std::vector<std::string>{"task", "group", "block", "beta", "k", "sar"};
  const auto means =
      mean_alignments(suite, settings, is_square ? &MatrixAnalysis::pairs : &MatrixAnalysis::sar,
                      require_grouping(entry.per));
  for (const AlignmentMeans& mean : means) {
    const std::string beta = number_text(std::get<EnergyRule>(mean.choice).beta);
    for (const AlignedGroup& group : mean.groups) {
      for (size_t i = 0; i < group.values.size(); ++i) {
        if (!group.values[i]) continue;
        const std::string& task = tasks[is_square ? i / tasks.size() : i];
        std::vector<std::string> line{task};
        if (is_square) line.push_back(tasks[i % tasks.size()]);
        line.push_back(group.group);
        if (!is_square) line.push_back(block_of(group.group));
        line.insert(line.end(), {beta, number_text(group.k), number_text(*group.values[i])});
        table.lines.push_back(std::move(line));
      }
    }
  }
  return table;
}

AnalysisTable spectra(const AnalysisEntry& entry, const SuiteAnalysis& suite,
                      const AnalysisSettings& settings) {
  AnalysisTable table{{"tensor", "beta", "rank", "index", "value"}, {}};
  for (const MatrixAnalysis& matrix : suite.matrices) {
    for (size_t b = 0; b < entry.betas.size(); ++b) {
      const double beta = entry.betas[b];
      const at::Tensor s = interpolated_spectrum(matrix.spectra.front(), beta).contiguous();
      EnergyRule rule = std::get<EnergyRule>(settings.ranks[b]);
      rule.beta = 0.0;  // asked of the interpolated spectrum itself
      const std::string rank = std::to_string(chosen_rank(rule, s));
      for (int64_t i = 0; i < s.numel(); ++i) {
        table.lines.push_back({matrix.info.name, number_text(beta), rank, std::to_string(i + 1),
                               number_text(s.const_data_ptr<double>()[i])});
      }
    }
  }
  return table;
}

AnalysisTable cosines(const AnalysisEntry& entry, const std::vector<std::string>& tasks,
                      const std::vector<CosineGroup>& groups) {
  const bool is_square = entry.kind == AnalysisEntry::Kind::kCosinePairs;
  const size_t count = tasks.size();
  AnalysisTable table;
  table.columns = is_square ? std::vector<std::string>{"row", "column", "group", "cosine"}
                            : std::vector<std::string>{"task", "group", "cosine"};
  for (const CosineGroup& group : groups) {
    for (size_t i = 0; i < count; ++i) {
      for (size_t j = is_square ? 0 : count; j < (is_square ? count : count + 1); ++j) {
        const std::optional<double>& cosine = group.cosines[i * (count + 1) + j];
        if (!cosine) continue;
        std::vector<std::string> line{tasks[i]};
        if (is_square) line.push_back(tasks[j]);
        line.insert(line.end(), {group.group, number_text(*cosine)});
        table.lines.push_back(std::move(line));
      }
    }
  }
  return table;
}

}  // namespace

AnalysisTable analyse_row(const AnalysisEntry& entry, const Updates& updates,
                          const MergedUpdate& merged, int threads) {
  using Kind = AnalysisEntry::Kind;
  if (entry.kind == Kind::kCosine || entry.kind == Kind::kCosinePairs) {
    const CosineSettings settings{
        {entry.include, entry.exclude}, require_grouping(entry.per), threads};
    return cosines(entry, updates.tasks(), update_cosines(updates, &merged, settings));
  }
  const AnalysisSettings settings = settings_of(entry, threads);
  const SuiteAnalysis suite = analyse_matrices(updates, &merged, settings);
  return entry.kind == Kind::kSpectrum ? spectra(entry, suite, settings)
                                       : alignments(entry, updates.tasks(), suite, settings);
}

AnalysisTable interference_table(SuiteEvaluator& evaluator, const std::vector<std::string>& tasks,
                                 const std::string& split) {
  AnalysisTable table{{"task", "distance"}, {}};
  for (const std::string& task : tasks) {
    table.lines.push_back({task, number_text(evaluator.interference(task, split))});
  }
  return table;
}

}  // namespace isomerge
