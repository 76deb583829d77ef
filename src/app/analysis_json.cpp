#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "analysis/averages.h"
#include "analysis/spectrum.h"
#include "app/analysis_output.h"

namespace isomerge {
namespace {

using Json = nlohmann::ordered_json;

Json value_json(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json list_json(const Values& values, size_t first, size_t count) {
  Json out = Json::array();
  for (size_t i = first; i < first + count; ++i) out.push_back(value_json(values[i]));
  return out;
}

Json square_json(const Values& values, size_t side) {
  Json out = Json::array();
  for (size_t i = 0; i < side; ++i) out.push_back(list_json(values, i * side, side));
  return out;
}

Json rank_json(const RankChoice& choice) {
  if (const auto* count = std::get_if<RankCount>(&choice)) return {{"k", count->k}};
  if (const auto* share = std::get_if<RankFraction>(&choice)) return {{"fraction", share->of_r}};
  const auto& rule = std::get<EnergyRule>(choice);
  return {{"rule", rule.rule == RankRule::kPaper ? "paper" : "code"},
          {"epsilon", rule.epsilon},
          {"off_by_one", rule.off_by_one},
          {"beta", rule.beta}};
}

Json alignments_json(const AnalysisReport& report, std::vector<Alignment> MatrixAnalysis::*which,
                     bool is_square) {
  const size_t tasks = report.tasks.size();
  Json out = Json::array();
  for (const AlignmentMeans& means :
       mean_alignments(report.suite, report.settings, which, report.grouping)) {
    Json groups = Json::array();
    for (const AlignedGroup& group : means.groups) {
      groups.push_back({{"group", group.group},
                        {"matrices", group.matrices},
                        {"k", group.k},
                        {"values", is_square ? square_json(group.values, tasks)
                                             : list_json(group.values, 0, tasks)}});
    }
    out.push_back(
        {{"side", name_of(means.side)}, {"rank", rank_json(means.choice)}, {"groups", groups}});
  }
  return out;
}

Json cosines_json(const AnalysisReport& report) {
  Json out = Json::array();
  for (const CosineGroup& group : report.cosines) {
    out.push_back({{"group", group.group},
                   {"tensors", group.tensors},
                   {"norms", group.norms},
                   {"values", square_json(group.cosines, report.tasks.size() + 1)}});
  }
  return out;
}

std::vector<double> numbers(const at::Tensor& s) {
  const at::Tensor values = s.contiguous();
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

Json spectra_json(const AnalysisReport& report) {
  Json out = Json::array();
  for (const MatrixAnalysis& matrix : report.suite.matrices) {
    for (size_t i = 0; i < matrix.spectra.size(); ++i) {
      for (const double beta : report.betas) {
        const at::Tensor s = interpolated_spectrum(matrix.spectra[i], beta);
        Json ranks = Json::array();
        for (const RankChoice& choice : report.own_ranks) {
          ranks.push_back({{"rank", rank_json(choice)}, {"k", chosen_rank(choice, s)}});
        }
        out.push_back({{"matrix", matrix.info.name},
                       {"shape", matrix.info.shape},
                       {"of", report.settings.subjects[i]},
                       {"beta", beta},
                       {"ranks", ranks},
                       {"values", numbers(s)}});
      }
    }
  }
  return out;
}

Json truncation_json(const AnalysisReport& report) {
  Json out = Json::array();
  for (const TruncationMeans& means :
       mean_truncations(report.suite, report.settings, report.kept_ranks, report.grouping)) {
    Json groups = Json::array();
    for (const TruncatedGroup& group : means.groups) {
      groups.push_back({{"group", group.group},
                        {"matrices", group.matrices},
                        {"k", group.k},
                        {"energy", group.energy},
                        {"relative_error", group.relative_error}});
    }
    out.push_back({{"of", means.subject}, {"rank", rank_json(means.choice)}, {"groups", groups}});
  }
  return out;
}

Json part_json(const AnalysisReport& report, AnalysisKind kind) {
  switch (kind) {
    case AnalysisKind::kSar:
      return alignments_json(report, &MatrixAnalysis::sar, /*is_square=*/false);
    case AnalysisKind::kPairs:
      return alignments_json(report, &MatrixAnalysis::pairs, /*is_square=*/true);
    case AnalysisKind::kSpectrum:
      return spectra_json(report);
    case AnalysisKind::kCosine:
      return cosines_json(report);
    case AnalysisKind::kTruncation:
      break;
  }
  return truncation_json(report);
}

}  // namespace

void print_analysis_json(const AnalysisReport& report) {
  Json out = {{"tasks", report.tasks},
              {"merged", report.merged.empty() ? kSum : report.merged},
              {"per", name_of(report.grouping)},
              {"matrices", report.suite.matrices.size()},
              {"unchanged", report.suite.unchanged}};
  for (const AnalysisKind kind : report.kinds) out[name_of(kind)] = part_json(report, kind);
  // A path need not be UTF-8.
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace isomerge
