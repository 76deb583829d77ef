#include "app/analysis_output.h"

#include <algorithm>

#include <fmt/format.h>

#include "analysis/averages.h"
#include "analysis/spectrum.h"
#include "base/text.h"

namespace isomerge {
namespace {

std::string value_text(const std::optional<double>& value) {
  return value ? fmt::format("{:.4f}", *value) : "-";
}

std::string merged_text(const AnalysisReport& report) {
  return report.merged.empty() ? "the sum of the updates" : report.merged;
}

// Columns wide enough for every cell; the first is text, the others are numbers.
void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    fmt::print("{:<{}}", row[0], widths[0]);
    for (size_t i = 1; i < row.size(); ++i) fmt::print("  {:>{}}", row[i], widths[i]);
    fmt::print("\n");
  }
  fmt::print("\n");
}

std::vector<std::string> with_head(std::vector<std::string> head,
                                   const std::vector<std::string>& more) {
  head.insert(head.end(), more.begin(), more.end());
  return head;
}

void print_sar(const AnalysisReport& report) {
  for (const AlignmentMeans& means :
       mean_alignments(report.suite, report.settings, &MatrixAnalysis::sar, report.grouping)) {
    fmt::print("SAR of each update with {}; {}; {}\n", merged_text(report), name_of(means.side),
               rank_text(means.choice));
    std::vector<std::vector<std::string>> rows{
        with_head({name_of(report.grouping), "matrices", "k"}, report.tasks)};
    for (const AlignedGroup& group : means.groups) {
      rows.push_back({group.group, std::to_string(group.matrices), fmt::format("{:.1f}", group.k)});
      for (const auto& value : group.values) rows.back().push_back(value_text(value));
    }
    print_table(rows);
  }
}

void print_square(const std::vector<std::string>& names, const Values& values) {
  std::vector<std::vector<std::string>> rows{with_head({""}, names)};
  for (size_t i = 0; i < names.size(); ++i) {
    rows.push_back({names[i]});
    for (size_t j = 0; j < names.size(); ++j) {
      rows.back().push_back(value_text(values[i * names.size() + j]));
    }
  }
  print_table(rows);
}

void print_pairs(const AnalysisReport& report) {
  for (const AlignmentMeans& means :
       mean_alignments(report.suite, report.settings, &MatrixAnalysis::pairs, report.grouping)) {
    for (const AlignedGroup& group : means.groups) {
      fmt::print(
          "SAR of the row's update with the column's; k of {}; {}; {}; {}: {} matrices, mean "
          "k {:.1f}\n",
          merged_text(report), name_of(means.side), rank_text(means.choice), group.group,
          group.matrices, group.k);
      print_square(report.tasks, group.values);
    }
  }
}

void print_cosines(const AnalysisReport& report) {
  for (const CosineGroup& group : report.cosines) {
    fmt::print("cosine of updates; {}: {} tensors; {} is {}\n", group.group, group.tensors, kMerged,
               merged_text(report));
    print_square(with_head(report.tasks, {kMerged}), group.cosines);
  }
}

void print_spectra(const AnalysisReport& report) {
  std::vector<std::string> head{"matrix", "of", "beta", "r", "largest", "mean", "smallest"};
  for (const RankChoice& choice : report.own_ranks) head.push_back("k: " + rank_text(choice));
  std::vector<std::vector<std::string>> rows{head};
  for (const MatrixAnalysis& matrix : report.suite.matrices) {
    for (size_t i = 0; i < matrix.spectra.size(); ++i) {
      for (const double beta : report.betas) {
        const at::Tensor s = interpolated_spectrum(matrix.spectra[i], beta);
        rows.push_back({matrix.info.name, report.settings.subjects[i], number_text(beta),
                        std::to_string(s.numel()), fmt::format("{:.4g}", s[0].item<double>()),
                        fmt::format("{:.4g}", s.mean().item<double>()),
                        fmt::format("{:.4g}", s[-1].item<double>())});
        for (const RankChoice& choice : report.own_ranks) {
          rows.back().push_back(std::to_string(chosen_rank(choice, s)));
        }
      }
    }
  }
  fmt::print("singular values; {} is {}\n", kMerged, merged_text(report));
  print_table(rows);
}

void print_truncation(const AnalysisReport& report) {
  fmt::print("k leading directions kept of an update; {} is {}\n", kMerged, merged_text(report));
  std::vector<std::vector<std::string>> rows{
      {name_of(report.grouping), "of", "kept", "matrices", "k", "energy", "relative error"}};
  for (const TruncationMeans& means :
       mean_truncations(report.suite, report.settings, report.kept_ranks, report.grouping)) {
    for (const TruncatedGroup& group : means.groups) {
      rows.push_back({group.group, means.subject, rank_text(means.choice),
                      std::to_string(group.matrices), fmt::format("{:.1f}", group.k),
                      value_text(group.energy), value_text(group.relative_error)});
    }
  }
  print_table(rows);
}

}  // namespace

const Names<AnalysisKind>& kind_names() {
  static const Names<AnalysisKind> names = {{AnalysisKind::kSar, "sar"},
                                            {AnalysisKind::kPairs, "pairs"},
                                            {AnalysisKind::kSpectrum, "spectrum"},
                                            {AnalysisKind::kCosine, "cosine"},
                                            {AnalysisKind::kTruncation, "truncation"}};
  return names;
}

std::string name_of(AnalysisKind kind) { return name_in(kind_names(), kind); }

void print_analysis(const AnalysisReport& report) {
  for (const AnalysisKind kind : report.kinds) {
    switch (kind) {
      case AnalysisKind::kSar:
        print_sar(report);
        break;
      case AnalysisKind::kPairs:
        print_pairs(report);
        break;
      case AnalysisKind::kSpectrum:
        print_spectra(report);
        break;
      case AnalysisKind::kCosine:
        print_cosines(report);
        break;
      case AnalysisKind::kTruncation:
        print_truncation(report);
        break;
    }
  }
}

}  // namespace isomerge
