// linalg/rank.h -- which singular values count as zero, and what becomes of their directions.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace isomerge {

// How matrices are factorised.
enum class Route {
  kGram,   // through the Gram matrix of the short side in fp64: for fp32 data, whose own rounding
           // hides what squaring the condition costs
  kLapack  // by LAPACK's SVD in fp64: the reference, and what fp64 data need
};

// What a polar factor does with directions that count as zero.
enum class NullSpace {
  kZero,  // leaves them out: the factor is a partial isometry
  kFill,  // keeps whatever vectors LAPACK returns for them, as a full SVD in Python would; this
          // needs Route::kLapack
};

// Singular values at or below sqrt(r) * eps(float32) * sigma_1 count as zero, whatever the dtype:
// what remains of a smaller direction in fp32 weights is rounding noise. A threshold of r * eps
// would already cut directions of real square layers, whose condition reaches 3e4.
double null_threshold(int64_t r, double sigma_1);

// How many of some descending singular values exceed a threshold, and whether that can be trusted.
struct Rank {
  int64_t kept = 0;
  // A value lies so near the threshold that the Gram route may have decided wrongly. Values well
  // below it (rounding noise of an exact null space) are no matter of doubt.
  bool is_doubtful = false;
};

// s [k] descending, k >= 0.
Rank rank_above(const at::Tensor& s, double threshold);

}  // namespace isomerge
