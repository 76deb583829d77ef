// linalg/openblas.h -- two routines that LibTorch's own BLAS and LAPACK do not offer, from OpenBLAS
// where the system has it: a symmetric rank-k product, and some eigenpairs instead of all.
//
// It is loaded at run time, for itself alone: nothing else in the program ever resolves to it. One
// thread per call. Measured on one core of an AMD EPYC against LibTorch's MKL, order 1024, fp64:
// 128 leading eigenpairs in 0.11 s instead of all in 0.27 s; a Gram matrix of 1024 x 4096 in 0.09 s
// instead of 0.14 s. Where it is absent everything works, slower.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include <ATen/core/Tensor.h>

namespace isomerge {

// False without libopenblas.so.0, in builds with a sanitizer (whose runtime forbids such loading),
// and if the environment variable ISOMERGE_OPENBLAS is 0.
bool has_openblas();

// a a^T [m, m] for a [m, n], fp64, CPU, row-major contiguous; nothing without OpenBLAS.
std::optional<at::Tensor> openblas_gram(const at::Tensor& a);

// The k largest eigenvalues [k], ascending, of g [r, r] symmetric, fp64, CPU, and their vectors
// [r, k] (LAPACK dsyevr). Nothing without OpenBLAS or if LAPACK fails. Cost: 4/3 r^3 + 2 r^2 k.
std::optional<std::pair<at::Tensor, at::Tensor>> openblas_eigenpairs(const at::Tensor& g,
                                                                     int64_t k);

}  // namespace isomerge
