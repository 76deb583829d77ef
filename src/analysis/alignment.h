// analysis/alignment.h -- SAR, the subspace alignment ratio.
//
// Source: Marczak et al., arXiv:2502.04959, Eq. 5.
#pragma once

#include <ATen/core/Tensor.h>

#include "analysis/singular_space.h"

namespace isomerge {

// The share of an update that lies in the span of leading directions of another matrix:
//
//     SAR(D_t, D_M; k) = |U_k U_k^T D_t|_F / |D_t|_F      U_k: k leading left directions of D_M
//
// which needs no matrix but U_k^T D_t, since |U_k U_k^T D_t|_F is its norm; and row i of it gives
// what direction i adds, so all k come at once. The right side takes |D_t V_k|_F, both take
// |U_k^T D_t V_k|_F.
//
// d           [m, n], fp32 or fp64, not zero.
// directions  K >= 0 of them on the sides that `side` names (SingularSpace::leading).
// returns     [K + 1] fp64: SAR for k = 0 ... K, never descending; what rounding lifts above 1 is
//             given as 1.
// cost        2 m n K flops in the dtype of d; both sides: and 2 n K^2.
at::Tensor subspace_alignment(const at::Tensor& d, const Directions& directions, Side side);

}  // namespace isomerge
