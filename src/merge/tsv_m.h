// merge/tsv_m.h -- TSV-M: task singular vectors, orthogonalised against each other.
//
// Source: Gargiulo et al., "Task Singular Vectors: Reducing Task Interference in Model Merging",
// arXiv:2412.00081.
#pragma once

#include "linalg/svd.h"
#include "merge/rule.h"

namespace isomerge {

// Leading triplets per task: s = floor(r / T). The remaining r - s T directions stay unused, as in
// the authors' code; with fewer directions than tasks nothing is left and the merged update is
// zero.
int64_t tsv_m_rank(int64_t r, int64_t tasks);

// Keeps the s leading singular triplets of every task and makes the bases orthonormal:
//
//     D_t   = U_t diag(s_t) V_t^T                      s leading triplets
//     U     = polar([U_1 ... U_T]),  V likewise        nearest orthonormal stacks
//     result = U diag(s_1 ... s_T) V^T
//
// updates     T >= 1 matrices [m, n], fp32 or fp64, finite.
// null_space  a task's directions that count as zero beside its own sigma_1 are left out (kZero).
// returns     [m, n].
// throws      Error(kInput): empty list, shapes differ, not 2-D, NaN or Inf.
// cost        T + 2 thin SVDs.
Merged merge_tsv_m(const std::vector<Update>& updates, NullSpace null_space = NullSpace::kZero);

}  // namespace isomerge
