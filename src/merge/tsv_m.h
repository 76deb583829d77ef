// merge/tsv_m.h -- TSV-M: task singular vectors, orthogonalised against each other.
//
// Source: Gargiulo et al., "Task Singular Vectors: Reducing Task Interference in Model Merging",
// arXiv:2412.00081.
#pragma once

#include "factor/factors.h"
#include "linalg/rank.h"
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
// factors     T >= 1 matrices [m, n].
// null_space  a task's directions that count as zero beside its own sigma_1 are left out (kZero);
//             kFill needs Route::kLapack.
// returns     [m, n].
// cost        T leading_triplets(), two orthonormalise() and combine().
Merged merge_tsv_m(Factors factors, NullSpace null_space = NullSpace::kZero);

MatrixCost tsv_m_cost(int64_t m, int64_t n, int64_t tasks);

}  // namespace isomerge
