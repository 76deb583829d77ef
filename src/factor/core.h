// factor/core.h -- the updates of one weight by T adapters in coordinates of their own: small
// matrices that have the singular values, and up to two isometries the singular vectors, of the
// updates, of their sum, and of everything that is made of them by products and projections.
#pragma once

#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "task/update.h"

namespace isomerge {

// D_t = left C_t right^T.
struct Core {
  at::Tensor left;              // [m, p], fp64, orthonormal columns; p = min(m, R_1 + .. + R_T)
  at::Tensor right;             // [n, q], likewise
  std::vector<Update> updates;  // the C_t, dense [p, q], fp64

  // left core right^T [m, n] of a matrix [p, q], in fp64. Cost: 2 m p q + 2 m n q flops.
  at::Tensor expand(const at::Tensor& core) const;

  // The same as factors b = left core and a = right^T, whose rows are orthonormal.
  LowRank factors(const at::Tensor& core) const;
};

// The core of updates of low rank [m, n], by QR of the factors side by side; nothing if one of them
// is dense, or if the core would not be smaller: R_1 + .. + R_T >= min(m, n).
//
// cost  2 (m + n) (R_1 + .. + R_T)^2 flops, twice
std::optional<Core> core_of(const std::vector<Update>& updates);

}  // namespace isomerge
