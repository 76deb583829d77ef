// analysis/matrix_analysis.h -- alignment and spectra of all matrices of a suite, a few at a time.
// Start here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "analysis/merged_update.h"
#include "analysis/rank_choice.h"
#include "analysis/selection.h"
#include "analysis/singular_space.h"
#include "factor/factor_cache.h"
#include "task/updates.h"

namespace isomerge {

// What a spectrum may be of, beside the tasks: the sum of all updates, and D_M, which is the merged
// file's update or, without a file, that sum.
inline constexpr const char* kSum = "sum";
inline constexpr const char* kMerged = "merged";

struct AnalysisSettings {
  Selection selection;
  bool with_sar = false;              // SAR(D_t, D_M; k) of every task
  bool with_pairs = false;            // SAR(D_i, D_j; k) of every pair, k chosen from D_M
  std::vector<RankChoice> ranks;      // of both
  std::vector<Side> sides;            // of both
  std::vector<std::string> subjects;  // whose spectra: tasks, kSum, kMerged
  at::ScalarType dtype = at::kFloat;  // of the computation: fp32 by Gram matrices, fp64 by LAPACK
  int threads = 1;                    // matrices at once; one thread computes one matrix
  FactorCache* cache = nullptr;       // of the eigenpairs of the sum and of the tasks
};

// The alignment of updates by one rank choice, on one side.
struct Alignment {
  size_t choice = 0;  // of AnalysisSettings::ranks
  Side side = Side::kLeft;
  int64_t k = 0;
  // T of them; pairs: T * T, row i is D_i, column j the directions of D_j. Nothing where an update
  // is zero.
  Values values;
};

struct MatrixAnalysis {
  TensorInfo info;
  std::vector<Alignment> sar, pairs;  // by choice, then by side
  std::vector<at::Tensor> spectra;    // in the order of the subjects; all r values, fp64
  bool is_tied = false;               // some k lies between equal values of D_M: see is_tied_cut()
};

struct SuiteAnalysis {
  std::vector<MatrixAnalysis> matrices;  // in file order
  std::vector<std::string> unchanged;    // matrices that no expert changed: left out
};

// Reads T matrices of one name at a time. No matrix is factorised twice: the eigenpairs of D_M
// serve its rank, its directions and its spectrum, those of D_j the pairs and its spectrum; a
// spectrum alone takes values alone. Results do not depend on `threads`.
//
// merged  D_M; none: the sum of the updates.
// cost    per matrix [m, n] an eigenproblem of size r for D_M, pairs: and one per task; 2 m n k
//         flops for each alignment.
// throws  Error: see Updates::load(), MergedUpdate and selected_matrices(); kInput if a task is
//         called kSum or kMerged; kInterrupted between matrices.
SuiteAnalysis analyse_matrices(const Updates& updates, const MergedUpdate* merged,
                               const AnalysisSettings& settings);

}  // namespace isomerge
