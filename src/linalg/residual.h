// linalg/residual.h -- what a matrix has outside a common left space: R = d - u u^T d.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "linalg/eigen.h"
#include "linalg/svd.h"

namespace isomerge {

// The left space of a matrix c [m, n]: its leading left singular vectors, and for m <= n an
// orthonormal basis of everything outside them.
struct LeftSpace {
  at::Tensor u;           // [m, k], fp64, orthonormal
  at::Tensor complement;  // m <= n: [m, m - k] with [u complement] orthogonal; else undefined
};

// The k leading triplets of c [m, n] and the space of their left vectors, from all eigenpairs of
// the Gram matrix of c's short side; c fp64. Directions beyond numerical rank must not be asked
// for: their vectors on the long side are not orthonormal. Cost: 2 m n k flops.
struct CommonSpace {
  Svd triplets;
  LeftSpace left;
};
CommonSpace leading_space(const at::Tensor& c, const SymmetricEigen& eigen, int64_t k);

// Gram matrix of R's short side, in the coordinates that its triplets are computed in: those of
// the complement where m <= n ([m - k, m - k], a small matrix), else those of R's rows ([n, n]).
//
// d     [m, n] fp64.
// cost  m <= n: (2 n + m - k) m (m - k) flops; else m n^2 + 2 m n k + n^2 k.
at::Tensor residual_gram(const at::Tensor& d, const LeftSpace& space);

// The s leading triplets of R from its Gram matrix, in fp64. Where the eigenpairs fail their check,
// LAPACK's SVD of R takes over. Cost: the eigenproblem + 2 m n s flops and less.
Svd residual_triplets(const at::Tensor& d, const LeftSpace& space, const at::Tensor& gram,
                      int64_t s);

}  // namespace isomerge
