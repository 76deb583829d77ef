// linalg/lanczos.h -- a few leading eigenpairs of a large symmetric matrix.
#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

#include "linalg/eigen.h"

namespace isomerge {

// The order of the space in which the k leading pairs of a matrix of order r are looked for first.
int64_t lanczos_order(int64_t k);

// Whether that is small enough for LAPACK to take longer.
bool lanczos_pays(int64_t r, int64_t k);

// Block Lanczos with full reorthogonalisation (Golub, Underwood, The block Lanczos method for
// computing eigenvalues, 1977), from a start that is the same for all matrices.
//
// g        [r, r] symmetric, positive semidefinite up to rounding, fp64, finite.
// k        such that it pays.
// returns  the k leading pairs; the angle between their span and the leading one is below some
//          1e-7. Nothing where LAPACK is the better choice: values that fall too slowly, an
//          invariant space that is too small, or an eigenvalue that more directions share than a
//          block has columns, of which Lanczos finds no more. Where so many agree to a part in a
//          thousand, a Cholesky factor proves that none is left out, or there is nothing.
// cost     with d = lanczos_order(k) or a little more: 2 r^2 d + 2 r d^2 + 4/3 d^3 flops, the first
//          ones by products that read g once for eight columns; the proof r^3 / 3 in fp32.
std::optional<SymmetricEigen> lanczos_eigenpairs(const at::Tensor& g, int64_t k);

}  // namespace isomerge
