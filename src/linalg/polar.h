// linalg/polar.h -- orthogonal polar factors: the nearest matrices with orthonormal rows or
// columns.
#pragma once

#include <cstdint>
#include <optional>

#include <ATen/core/Tensor.h>

#include "linalg/eigen.h"
#include "linalg/rank.h"

namespace isomerge {

struct Polar {
  at::Tensor factor;  // [m, n]: u vt over the directions that count; fp64 or, by kGram, fp32
  double nuclear_norm = 0.0;  // sum of all min(m, n) singular values, cut or not
  int64_t cut = 0;            // directions that count as zero, among the leading ones
  bool is_tied = false;       // see is_tied_cut(), for the leading ones
  int64_t fallbacks = 0;      // 1 if the Gram route failed its check and LAPACK took over
  int64_t repeats = 0;        // 1 if LAPACK took over since its rank was doubtful (see Rank)
};

// a          [m, n], fp32 or fp64, finite.
// r          a direction counts as zero at null_threshold(r, sigma_1).
// leading    how many directions, from the largest value down, make up the factor, 0..min(m, n);
//            without it all do.
// kFill      is for kLapack alone; kGram always leaves null directions out.
// cost       kGram: m n r (Gram matrix) + an eigenproblem of size r + 2 r^3 + 2 m n r; the last
//            product is done in fp32 where the condition allows it. kLapack: one thin SVD and one
//            product.
Polar polar_factor(const at::Tensor& a, int64_t r, NullSpace null_space, Route route,
                   std::optional<int64_t> leading = {});

// The same from all eigenpairs of the Gram matrix of a's short side, at hand; route kGram.
Polar polar_factor(const at::Tensor& a, const SymmetricEigen& eigen, int64_t r,
                   std::optional<int64_t> leading = {});

// The polar factor of a basis [first others] of c columns, as a rule with m >= c, kept as a product
// so that only short matrices are ever multiplied by its root, (basis^T basis)^(-1/2).
struct OrthonormalBasis {
  at::Tensor first;   // [m, k] fp64: orthonormal columns; undefined: none
  at::Tensor others;  // [m, p] fp64
  // What of the root is not the identity: [p, p], over the others alone; [2 p, 2 p], over the span
  // of `first z` and the others; or all of it, [c, c]. Undefined: nothing.
  at::Tensor root;
  at::Tensor z;     // [k, p] orthonormal: the directions of the first columns that others overlap
  int64_t cut = 0;  // directions that count as zero
  int64_t fallbacks = 0, repeats = 0;  // see Polar

  int64_t columns() const;        // c
  at::Tensor basis() const;       // [m, c]; copies
  at::Tensor whole_root() const;  // [c, c]; undefined: the identity. Cost: 4 k p (k + p) flops
};

// first   [m, k] fp64, orthonormal, or undefined. With p other columns, an eigenproblem of size 2 p
//         remains, since the Gram matrix is the identity outside the span of what those overlap; of
//         size p if they overlap nothing.
// others  [m, p] fp64, finite, k + p >= 1. May be undefined where p = 0.
// r       full rank of the matrices that the columns were taken from, see null_threshold.
// cost    kGram: m p (2 k + p) + the eigenproblem. kLapack: one thin SVD and one product.
OrthonormalBasis orthonormalise(const at::Tensor& first, const at::Tensor& others, int64_t r,
                                NullSpace null_space, Route route);

// U* diag(s) V*^T [m, n] of two orthonormal bases with c columns each; s [c] fp64. The result, and
// unless the condition of the bases forbids it the last product of 2 m n c flops, is in `dtype`.
at::Tensor combine(const OrthonormalBasis& u, const at::Tensor& s, const OrthonormalBasis& v,
                   at::ScalarType dtype);

// The same with all values equal to s. Where u.first v.first^T is at hand as `first` [m, n] in
// `dtype`, and the others on the left overlap nothing, only their part is computed: a last product
// of 4 m n p flops.
at::Tensor combine(const OrthonormalBasis& u, double s, const OrthonormalBasis& v,
                   at::ScalarType dtype, const at::Tensor& first = {});

}  // namespace isomerge
