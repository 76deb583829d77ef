// linalg/svd.h -- thin SVD, numerical rank and polar factors by LAPACK, in the dtype of the input.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace isomerge {

// a = u diag(s) vt with r = min(m, n): u [m, r], s [r] descending, vt [r, n].
struct Svd {
  at::Tensor u, s, vt;

  // The k leading triplets, 0 <= k <= r; views.
  Svd leading(int64_t k) const;
};

// a       [m, n], fp32 or fp64, finite, m, n >= 1.
// throws  Error(kInternal) if LAPACK does not converge.
// cost    one divide-and-conquer SVD of the matrix or of its transpose, whichever is tall: LAPACK
// is
//         more than twice as fast that way round. About 6 m n r + 20 r^3 flops.
Svd thin_svd(const at::Tensor& a);

// Largest singular value of a [m, n], fp32 or fp64. Cost: the values of one SVD, about 4 m n r.
double spectral_norm(const at::Tensor& a);

// Singular values at or below sqrt(r) * eps(float32) * sigma_1 count as zero, whatever the dtype:
// what remains of a smaller direction in fp32 weights is rounding noise. A threshold of r * eps
// would already cut directions of real square layers, whose condition reaches 3e4.
double null_threshold(int64_t r, double sigma_1);

// What a polar factor does with directions that count as zero.
enum class NullSpace {
  kZero,  // leaves them out: the factor is a partial isometry
  kFill,  // keeps whatever vectors LAPACK returns for them, as a full SVD in Python would
};

// How many of some descending singular values exceed a threshold, and whether that can be trusted.
struct Rank {
  int64_t kept = 0;
  // The smallest value lies so near the threshold (or below it, where only rounding noise lives)
  // that in fp32 noise may have decided. In fp64 noise is far below every threshold.
  bool is_doubtful = false;
};

// s [k] descending, k >= 0.
Rank rank_above(const at::Tensor& s, double threshold);

struct Polar {
  at::Tensor factor;         // [m, n]: u vt over the directions that count
  int64_t cut = 0;           // directions that count as zero
  bool is_doubtful = false;  // see Rank
};

// Orthogonal polar factor of a [m, n]: the nearest matrix with orthonormal rows or columns. A
// direction counts as zero at null_threshold(r, sigma_1): r is the full rank of the task matrix
// that `a` belongs to, which for a stack of singular vectors is not min(m, n). cost  one thin SVD
// and one product.
Polar polar_factor(const at::Tensor& a, int64_t r, NullSpace null_space);

// The same from an SVD at hand.
Polar polar_factor(const Svd& svd, int64_t r, NullSpace null_space);

}  // namespace isomerge
