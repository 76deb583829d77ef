// linalg/residual.h -- what a matrix has outside a common left space: R = d - u u^T d.
#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

#include "linalg/eigen.h"
#include "linalg/svd.h"

namespace isomerge {

// The left space of a matrix c [m, n]: its leading left singular vectors, and for m <= n an
// orthonormal basis of everything outside them.
struct LeftSpace {
  at::Tensor u;             // [m, k], fp64, orthonormal
  at::Tensor complement;    // m <= n: [m, m - k] with [u complement] orthogonal; else undefined
  at::Tensor rounded = {};  // m > n: u in fp32, if many tasks' residuals will ask for it
};

// The k leading triplets of a matrix [m, n] and the space of their left vectors; views, no work.
struct CommonSpace {
  Svd triplets;
  LeftSpace left;
};

// eigen    all pairs of the Gram matrix of its short side.
// others   [k or more, long side]: its leading singular vectors on the long side, as rows
//          (long_side_vectors). Directions beyond numerical rank must not be asked for: these
//          vectors are not orthonormal there.
// is_wide  m <= n.
CommonSpace leading_space(const SymmetricEigen& eigen, const at::Tensor& others, bool is_wide,
                          int64_t k);

// The k leading singular vectors of c [m, n] on its long side, as rows [k, long side], from
// eigenpairs of the Gram matrix of its short side. Cost: 2 m n k flops.
at::Tensor long_side_vectors(const at::Tensor& c, const SymmetricEigen& eigen, int64_t k);

// Gram matrix of R's short side, in the coordinates that its triplets are computed in: those of
// the complement where m <= n ([m - k, m - k], a small matrix), else those of R's rows ([n, n]).
//
// d     [m, n], fp64 or fp32 (widened block by block).
// cost  m <= n: (2 n + m - k) m (m - k) flops; else m n^2 + 2 m n k + n^2 k.
at::Tensor residual_gram(const at::Tensor& d, const LeftSpace& space);

// What is known of d before.
struct KnownParts {
  at::Tensor inside = {};           // m <= n: complement^T d [m - k, n]; else u^T d [k, n]; fp64
  std::optional<double> norm = {};  // Frobenius, to a few hundredths
};

// The s leading triplets of R from as many eigenpairs of its Gram matrix, in fp64. Where these
// failed their check, LAPACK's SVD of R takes over.
//
// cost  m <= n: 2 m (m - k) s flops and 2 m n s, with known.inside 2 (m - k) n s; else 2 m n s, in
//       fp32 where the values allow it, and 4 m k s, with known.inside 2 (m + n) k s.
Svd residual_triplets(const at::Tensor& d, const LeftSpace& space, const SymmetricEigen& eigen,
                      int64_t s, const KnownParts& known = {});

// The same by LAPACK's SVD of R, formed in fp64. Cost: thin_svd() of R + 4 m n k flops.
Svd lapack_residual_triplets(const at::Tensor& d, const LeftSpace& space, int64_t s);

}  // namespace isomerge
