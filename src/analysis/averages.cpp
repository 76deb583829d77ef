#include "analysis/averages.h"

#include <utility>

#include "analysis/spectrum.h"

namespace isomerge {

std::vector<AlignmentMeans> mean_alignments(const SuiteAnalysis& suite,
                                            const AnalysisSettings& settings,
                                            std::vector<Alignment> MatrixAnalysis::*which,
                                            Grouping grouping) {
  std::vector<AlignmentMeans> out;
  if (suite.matrices.empty()) return out;
  for (size_t a = 0; a < (suite.matrices.front().*which).size(); ++a) {
    std::vector<TensorValues> ranks, values;
    for (const MatrixAnalysis& matrix : suite.matrices) {
      const Alignment& alignment = (matrix.*which)[a];
      ranks.push_back({matrix.info.name, {static_cast<double>(alignment.k)}});
      values.push_back({matrix.info.name, alignment.values});
    }
    const Alignment& first = (suite.matrices.front().*which)[a];
    AlignmentMeans means{settings.ranks[first.choice], first.side, {}};
    const std::vector<GroupMean> mean_ranks = group_means(ranks, grouping);
    std::vector<GroupMean> mean_values = group_means(values, grouping);
    for (size_t g = 0; g < mean_ranks.size(); ++g) {
      means.groups.push_back({mean_ranks[g].group, mean_ranks[g].tensors,
                              mean_ranks[g].values[0].value(), std::move(mean_values[g].values)});
    }
    out.push_back(std::move(means));
  }
  return out;
}

std::vector<TruncationMeans> mean_truncations(const SuiteAnalysis& suite,
                                              const AnalysisSettings& settings,
                                              const std::vector<RankChoice>& choices,
                                              Grouping grouping) {
  std::vector<TruncationMeans> out;
  for (size_t subject = 0; subject < settings.subjects.size(); ++subject) {
    for (const RankChoice& choice : choices) {
      std::vector<TensorValues> values;
      for (const MatrixAnalysis& matrix : suite.matrices) {
        const at::Tensor& s = matrix.spectra[subject];
        const int64_t k = chosen_rank(choice, s);
        const Truncation left = truncation(s, k);
        values.push_back(
            {matrix.info.name, {static_cast<double>(k), left.energy, left.relative_error}});
      }
      TruncationMeans means{settings.subjects[subject], choice, {}};
      for (const GroupMean& mean : group_means(values, grouping)) {
        means.groups.push_back({mean.group, mean.tensors, mean.values[0].value(),
                                mean.values[1].value(), mean.values[2].value()});
      }
      out.push_back(std::move(means));
    }
  }
  return out;
}

}  // namespace isomerge
