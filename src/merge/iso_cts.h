// merge/iso_cts.h -- Iso-CTS: isotropic merging in common and task-specific subspaces.
//
// Source: Marczak et al., arXiv:2502.04959, Algorithm 2. Where paper and released code differ (the
// rounding of the budgets), this is the code.
#pragma once

#include "factor/factors.h"
#include "linalg/rank.h"
#include "merge/iso_c.h"
#include "merge/rule.h"

namespace isomerge {

struct IsoCtsOptions {
  double common_fraction = 0.8;  // in [0, 1]
  bool isotropic = true;         // figure 8: false leaves the singular values as they are
  NullSpace null_space = NullSpace::kZero;
  MethodRank rank = MethodRank::kShape;  // r of the budget and of the mean
};

// How the r directions are shared out: `common` = k for the sum, `per_task` = s for every task.
struct IsoCtsBudget {
  int64_t common = 0;
  int64_t per_task = 0;
};

// k0 = int(f r); block = round((r - k0) / T) T, halves to even; k = r - block; s = block / T.
// s = 0 (a small r, many tasks) makes the method Iso-C on that matrix. A block larger than r, which
// only a small fraction can ask for, is brought down to the largest multiple of T that fits.
IsoCtsBudget iso_cts_budget(int64_t r, int64_t tasks, double common_fraction);

// With k and s from the budget:
//
//     sum_t D_t = U diag(s) V^T;  U_c, s_c, V_c its k leading triplets
//     R_t       = D_t - U_c U_c^T D_t;  U_t, s_t, V_t its s leading triplets
//     U*        = polar([U_1 ... U_T U_c]),  V* likewise
//     result    = (sum of all kept singular values / r) U* V*^T
//
// Without the isotropic step, result = U* diag(s_1 ... s_T s_c) V*^T, the values from before the
// bases were made orthonormal; and the sum itself where s = 0 makes the method Iso-C.
//
// Only the left common space is projected out; the last step makes up for the right one.
//
// factors  T >= 1 matrices [m, n]. kFill needs Route::kLapack.
// null     common directions that count as zero beside sigma_1 of the sum, and a task's beside the
//          larger of sigma_1(D_t) and sigma_1 of the sum (a residual may be rounding noise of the
//          sum), are left out (kZero).
// returns  [m, n].
// throws   Error(kInput): fraction out of range.
// cost     fp32, m <= n: the residuals have only r - k dimensions, so T small eigenproblems; m > n:
//          T of size n. One of size r for the sum, two of size 2 s T for the stacks. fp64: T + 3
//          thin SVDs.
Merged merge_iso_cts(Factors factors, const IsoCtsOptions& options = {});

MatrixCost iso_cts_cost(int64_t m, int64_t n, int64_t tasks, double common_fraction);

}  // namespace isomerge
