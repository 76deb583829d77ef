// linalg/refine.h -- leading eigenpairs from vectors that nearly hold them, as those of a
// neighbouring matrix do: a sweep asks for many matrices that differ by little.
#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

#include "linalg/eigen.h"

namespace isomerge {

// How many pairs to keep where k are wanted of a neighbour: those beyond k make its pairs converge.
int64_t pairs_to_keep(int64_t k);

// Chebyshev-filtered subspace iteration (Zhou, Saad, Tiago, Chelikowsky, J. Comput. Phys. 219,
// 2006), with the filter applied to the residuals alone: what is small may be rounded, so the
// filter works in fp32 and the result is that of fp64.
//
// g        [r, r] symmetric, positive semidefinite up to rounding, fp64, finite.
// start    [r, b], b >= pairs_to_keep(k), columns of no particular length, not all of them zero. A
//          vector that it lacks altogether is found too: random columns are added.
// returns  pairs_to_keep(k) Ritz pairs. The first k are eigenpairs, the angle between their span
//          and the leading one below some 1e-6; the others are for the next start. Nothing where
//          that takes more than some rounds: LAPACK is the better choice then.
// cost     a round: about 2 r^2 b flops in fp64 and ten times as many in fp32. Two or three rounds.
std::optional<SymmetricEigen> refined_eigenpairs(const at::Tensor& g, const at::Tensor& start,
                                                 int64_t k);

}  // namespace isomerge
