// linalg/eigen.h -- Gram matrices and the eigenvectors of symmetric matrices, in fp64.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace isomerge {

// a a^T [m, m] for a [m, n] fp64. Cost: m^2 n (1 + 1/8) flops, since only blocks on and above the
// diagonal are computed.
at::Tensor gram_of_rows(const at::Tensor& a);

// g = vectors diag(values) vectors^T, or its leading part.
struct SymmetricEigen {
  at::Tensor values;     // [k] descending
  at::Tensor vectors;    // [r, k], orthonormal columns
  double next = 0.0;     // the eigenvalue after the last one here; 0 if there is none
  bool is_sound = true;  // passed the residual and orthogonality checks
};

// All eigenpairs. g [r, r] symmetric, fp64, finite. Cost: about 9 r^3 flops. LAPACK that does not
// converge, or a pair that fails its check, gives is_sound = false.
SymmetricEigen all_eigenpairs(const at::Tensor& g);

// The k leading eigenpairs of a positive semidefinite g [r, r], 0 <= k <= r.
//
// Few of many (k <= r / 12) come from a block Krylov space, which stops when every residual is
// below 1e-9 sqrt(lambda_1 lambda_i): a relative 1e-9 of what g is the square of, far below the
// rounding of fp32 data. Otherwise, or if the space grows beyond r / 2, all of them are computed.
SymmetricEigen leading_eigenpairs(const at::Tensor& g, int64_t k);

}  // namespace isomerge
