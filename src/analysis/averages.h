// analysis/averages.h -- values of single matrices brought together by layer, module or model.
// Every mean is over matrices, each with the same weight (arXiv:2502.04959, SAR_avg).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/matrix_analysis.h"

namespace isomerge {

struct AlignedGroup {
  std::string group;
  int64_t matrices = 0;
  double k = 0.0;  // mean
  Values values;   // as in Alignment, each the mean over the matrices that have it
};
struct AlignmentMeans {
  RankChoice choice;
  Side side = Side::kLeft;
  std::vector<AlignedGroup> groups;  // in natural order
};

// which  &MatrixAnalysis::sar or &MatrixAnalysis::pairs; `settings` are those of `suite`.
std::vector<AlignmentMeans> mean_alignments(const SuiteAnalysis& suite,
                                            const AnalysisSettings& settings,
                                            std::vector<Alignment> MatrixAnalysis::*which,
                                            Grouping grouping);

struct TruncatedGroup {
  std::string group;
  int64_t matrices = 0;
  double k = 0.0, energy = 0.0, relative_error = 0.0;  // means; see Truncation
};
struct TruncationMeans {
  std::string subject;
  RankChoice choice;  // asked of the subject's own spectrum
  std::vector<TruncatedGroup> groups;
};

// By subject, then by choice.
std::vector<TruncationMeans> mean_truncations(const SuiteAnalysis& suite,
                                              const AnalysisSettings& settings,
                                              const std::vector<RankChoice>& choices,
                                              Grouping grouping);

}  // namespace isomerge
