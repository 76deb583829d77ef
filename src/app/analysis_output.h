// app/analysis_output.h -- what `isomerge analyze` found, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "analysis/cosine.h"
#include "analysis/matrix_analysis.h"
#include "analysis/names.h"

namespace isomerge {

// The analyses that can be asked for, several at a time.
enum class AnalysisKind { kSar, kPairs, kSpectrum, kCosine, kTruncation };

// The question and all that was computed for it.
struct AnalysisReport {
  std::vector<AnalysisKind> kinds;
  std::vector<std::string> tasks;
  std::string merged;  // file of D_M; empty: the sum of the updates
  AnalysisSettings settings;
  std::vector<RankChoice> own_ranks;   // of spectra: settings.ranks without their beta
  std::vector<RankChoice> kept_ranks;  // of truncation
  std::vector<double> betas;           // of spectra
  Grouping grouping = Grouping::kModel;
  SuiteAnalysis suite;
  std::vector<CosineGroup> cosines;
};

const Names<AnalysisKind>& kind_names();  // "sar", "pairs", ...
std::string name_of(AnalysisKind kind);

// Tables on stdout.
void print_analysis(const AnalysisReport& report);

// One JSON object on stdout: all numbers in full, null where a value is not defined.
void print_analysis_json(const AnalysisReport& report);

}  // namespace isomerge
