// merge/iso_c.h -- Iso-C: isotropic merging in the common subspace.
//
// Source: Marczak et al., "No Task Left Behind: Isotropic Model Merging with Common and
// Task-Specific Subspaces", arXiv:2502.04959, Algorithm 1.
#pragma once

#include "linalg/svd.h"
#include "merge/rule.h"

namespace isomerge {

// Flattens the spectrum of the sum of the updates of one weight:
//
//     sum_t D_t = U diag(s) V^T      thin SVD
//     result    = mean(s) U V^T      every singular value becomes mean(s)
//
// updates     T >= 1 matrices [m, n], fp32 or fp64, finite.
// null_space  directions of the sum that count as zero are left out (kZero) or kept as LAPACK
//             returns them (kFill, the authors' code, whose result then depends on the library).
// returns     [m, n]; mean(s) runs over all min(m, n) values, zeros included, as in the authors'
// code. throws      Error(kInput): empty list, shapes differ, not 2-D, NaN or Inf. cost        one
// thin SVD.
Merged merge_iso_c(const std::vector<Update>& updates, NullSpace null_space = NullSpace::kZero);

}  // namespace isomerge
