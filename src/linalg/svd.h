// linalg/svd.h -- singular triplets of a matrix: all of them by LAPACK, or the leading ones by the
// cheaper route.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "linalg/eigen.h"
#include "linalg/rank.h"

namespace isomerge {

// a = u diag(s) vt; u [m, k], s [k] descending, vt [k, n].
struct Svd {
  at::Tensor u, s, vt;
  double next = 0.0;      // the singular value after the last one here; 0 if there is none
  int64_t fallbacks = 0;  // 1 if the Gram route failed its check and LAPACK took over

  // The k leading triplets; views.
  Svd leading(int64_t k) const;
};

// All r = min(m, n) triplets, in the dtype of `a`.
//
// a       [m, n], fp32 or fp64, finite, m, n >= 1.
// throws  Error(kInternal) if LAPACK does not converge or is wrong both ways round.
// cost    one divide-and-conquer SVD of the matrix or of its transpose, whichever is tall, since
//         LAPACK is more than twice as fast that way round. About 6 m n r + 20 r^3 flops. The other
//         way round as well if is_svd_of() fails: MKL's dgesdd was seen to return vectors that are
//         far from orthonormal, without a word, of a 768 x 768 matrix with all singular values
//         equal within 1e-11.
Svd thin_svd(const at::Tensor& a);

// Whether these are singular triplets of `a`: orthonormal vectors that map onto each other, by a
// product with a random combination. Cost: some products of a matrix and a vector.
bool is_svd_of(const Svd& svd, const at::Tensor& a);

// The k leading triplets, 0 <= k <= r, in fp64.
//
// kGram: eigenvectors of the short side's Gram matrix, the long side by one product. Residual and
// orthogonality are checked with a random vector; if they fail, LAPACK takes over. Vectors of
// values at or below null_threshold are arbitrary and need not be orthonormal.
//
// a     [m, n], fp32 or fp64, finite, m, n >= 1.
// cost  kGram: m n r (Gram matrix) + an eigenproblem of size r + 2 m n k flops. kLapack: thin_svd.
Svd leading_triplets(const at::Tensor& a, int64_t k, Route route);

// The same from k or more leading eigenpairs of the Gram matrix of a's short side, at hand; route
// kGram. sigma is the norm of a product, for small values more exact than the eigenvalue's root.
Svd leading_triplets(const at::Tensor& a, const SymmetricEigen& eigen, int64_t k);

// All r singular values alone, descending, fp64. Those far below the largest are less exact by
// kGram: one of s has an error of some 1e-16 s_1^2 / s.
//
// a     [m, n], fp32 or fp64, finite, m, n >= 1.
// cost  kGram: m n r (Gram matrix) + 4/3 r^3. kLapack: about 4 m n r.
at::Tensor all_singular_values(const at::Tensor& a, Route route);

// Largest singular value of a [m, n], fp32 or fp64. Cost: the values of one SVD, about 4 m n r.
double spectral_norm(const at::Tensor& a);

// True if the k leading singular directions are no unique answer: the values on both sides of the
// cut differ by no more than the rounding noise of fp32 weights.
bool is_tied_cut(const Svd& leading, int64_t r);

}  // namespace isomerge
