// linalg/product.h -- matrix products, by OpenBLAS where it is there and the faster one
// (linalg/openblas.h), else by LibTorch's own BLAS.
#pragma once

#include <ATen/core/Tensor.h>

namespace isomerge {

// a b [m, n] of a [m, k] and b [k, n], fp32 or fp64; transposed views cost no copy. Where one of
// the two is fp64 the product is as well, and the other is widened block by block, never as a
// whole. Cost: 2 m n k flops.
at::Tensor multiply(const at::Tensor& a, const at::Tensor& b);

// a a^T [m, m] in fp64 for a [m, n], fp64 or fp32 (widened block by block), exactly symmetric; with
// `more` [m, m], symmetric, more + a a^T. Cost: m^2 n flops by OpenBLAS, else an eighth
// more.
at::Tensor gram_of_rows(const at::Tensor& a, const at::Tensor& more = {});

}  // namespace isomerge
