// merge/iso_c.h -- Iso-C: isotropic merging in the common subspace.
//
// Source: Marczak et al., "No Task Left Behind: Isotropic Model Merging with Common and
// Task-Specific Subspaces", arXiv:2502.04959, Algorithm 1.
#pragma once

#include "factor/factors.h"
#include "linalg/rank.h"
#include "merge/rule.h"

namespace isomerge {

// What r is: formulas write it, and for updates of low rank it matters.
enum class MethodRank {
  kShape,  // min(m, n), as in the authors' code
  kSum     // the rank of the sum of the updates: of T adapters of rank R, T R as a rule
};

// r of these updates. Cost: kSum that of Factors::rank_of_sum().
int64_t method_rank(const Factors& factors, MethodRank kind);

struct IsoCOptions {
  double beta = 1.0;           // in [0, 1]; figure 4: from the sum, 0, to Iso-C, 1
  double kept_fraction = 1.0;  // in [0, 1]; figure 5a: of the directions, from the largest value
  NullSpace null_space = NullSpace::kZero;
  MethodRank rank = MethodRank::kShape;
};

// Flattens the spectrum of the sum of the updates of one weight:
//
//     sum_t D_t = U diag(s) V^T      thin SVD
//     result    = mean(s) U V^T      every singular value becomes mean(s)
//
// U V^T is the orthogonal polar factor of the sum, and mean(s) its nuclear norm over r: no SVD.
// With the paper's ablations, where k = floor(kept_fraction r) and mean(s) still is of all values:
//
//     result    = (1 - beta) sum_t D_t + beta mean(s) U_k V_k^T
//
// factors  T >= 1 matrices [m, n].
// null     directions of the sum that count as zero are left out (kZero) or kept as LAPACK returns
//          them (kFill, the authors' code, whose result then depends on the library); kFill needs
//          Route::kLapack.
// rank     mean(s) is the sum of all values over r: zeros count by kShape, as in the authors' code.
// returns  [m, n].
// throws   Error(kInput): option out of range.
// cost     polar_factor() of one matrix; none where beta is 0.
Merged merge_iso_c(Factors factors, const IsoCOptions& options = {});

MatrixCost iso_c_cost(int64_t m, int64_t n, int64_t tasks);

}  // namespace isomerge
