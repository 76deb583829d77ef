// linalg/eigen.h -- eigenvectors of symmetric matrices, those of Gram matrices above all, in fp64.
#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

namespace isomerge {

// a [m, n] with its short side first: a itself or its transpose, a view. The Gram matrix of its
// rows is the small one of the two that `a` has.
at::Tensor short_side_rows(const at::Tensor& a);

// g = vectors diag(values) vectors^T, or its leading part.
struct SymmetricEigen {
  at::Tensor values;     // [k] descending
  at::Tensor vectors;    // [r, k], orthonormal columns
  double next = 0.0;     // the eigenvalue after the last one here; 0 if there is none
  bool is_sound = true;  // passed the residual and orthogonality checks

  // The k leading pairs, k at most as many as there are; views.
  SymmetricEigen leading(int64_t k) const;
};

// Roots of the eigenvalues of a Gram matrix, those below zero by rounding taken as zero. [k]
at::Tensor singular_values(const SymmetricEigen& eigen);

// All eigenpairs. g [r, r] symmetric, finite, fp64; or fp32, which takes a quarter of the time and
// is checked to 1e-4, for whoever needs no more than an orthonormal basis to rounding. Cost: about
// 9 r^3 flops. LAPACK that does not converge, or a pair that fails its check, gives is_sound =
// false.
SymmetricEigen all_eigenpairs(const at::Tensor& g);

// All eigenvalues alone, descending, of g as above and positive semidefinite; nothing if LAPACK
// does not converge, or if their sum or the sum of their squares is not that of g. Cost: about 4/3
// r^3 flops.
std::optional<at::Tensor> all_eigenvalues(const at::Tensor& g);

// The k leading eigenpairs, 0 <= k <= r, by LAPACK. Few of them cost less than all where OpenBLAS
// is (linalg/openblas.h).
SymmetricEigen lapack_eigenpairs(const at::Tensor& g, int64_t k);

// The same, by Lanczos where that costs less (linalg/lanczos.h).
SymmetricEigen leading_eigenpairs(const at::Tensor& g, int64_t k);

// What leading_eigenpairs() of order r takes, in units of which all r pairs take r^3.
double eigen_work(int64_t r, int64_t k);

}  // namespace isomerge
