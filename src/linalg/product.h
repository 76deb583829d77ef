// linalg/product.h -- matrix products, by OpenBLAS where it is (linalg/openblas.h), else by
// LibTorch's own BLAS.
#pragma once

#include <ATen/core/Tensor.h>

namespace isomerge {

// a b [m, n] of a [m, k] and b [k, n], both fp32 or both fp64; transposed views cost no copy.
// Cost: 2 m n k flops.
at::Tensor multiply(const at::Tensor& a, const at::Tensor& b);

// a a^T [m, m] for a [m, n] fp64, exactly symmetric. Cost: m^2 n flops by OpenBLAS, else an eighth
// more, since blocks on and above the diagonal are computed.
at::Tensor gram_of_rows(const at::Tensor& a);

}  // namespace isomerge
