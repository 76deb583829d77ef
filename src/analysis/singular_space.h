// analysis/singular_space.h -- leading singular directions of a matrix, on the sides that are asked
// for.
#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

#include "linalg/eigen.h"
#include "linalg/svd.h"

namespace isomerge {

// On which side of an update directions project: U U^T D, D V V^T, or U U^T D V V^T.
enum class Side { kLeft, kRight, kBoth };

// Orthonormal columns; what was not asked for is undefined.
struct Directions {
  at::Tensor left;   // [m, k]
  at::Tensor right;  // [n, k]
};

// The singular values and directions of one matrix D [m, n]. Of D's short side they are
// eigenvectors at hand, those of the long side cost a product.
class SingularSpace {
 public:
  // Route kGram: from eigenpairs of the Gram matrix of d's short side, all or leading ones; LAPACK
  // takes over where they are not sound.
  SingularSpace(at::Tensor d, SymmetricEigen eigen);

  // By LAPACK, in fp64.
  explicit SingularSpace(at::Tensor d);

  // Descending, fp64, as many as there were eigenpairs.
  const at::Tensor& values() const { return values_; }

  // How many of values() do not count as zero (linalg/rank.h).
  int64_t rank() const { return rank_; }

  // The leading directions, fp64: k of them, but never more than rank(), since which vectors belong
  // to zeros is arbitrary. Cost: 2 m n k flops if one of a long side is needed, else nothing.
  Directions leading(int64_t k, Side side) const;

 private:
  void count_rank();

  at::Tensor d_;
  SymmetricEigen eigen_;
  std::optional<Svd> svd_;
  at::Tensor values_;
  int64_t rank_ = 0;
};

}  // namespace isomerge
