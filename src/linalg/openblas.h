// linalg/openblas.h -- OpenBLAS and its LAPACK, where the system has them: a symmetric rank-k
// product and some eigenpairs instead of all, which LibTorch does not offer, and general products
// and all eigenpairs, which it does more slowly on some processors.
//
// It is loaded at run time, for itself alone: nothing else in the program ever resolves to it. One
// thread per call. Measured on one core of an AMD EPYC against LibTorch's MKL, order 1024, fp64:
// Gram matrix of 1024 x 4096 0.09 s instead of 0.14 s; all eigenpairs 0.19 s instead of 0.27 s, 128
// of them 0.09 s; 50 GFLOP/s of products instead of 40. Where it is absent everything works,
// slower.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>

namespace isomerge {

// False without libopenblas.so.0, in builds with a sanitizer (whose runtime forbids such loading),
// and if the environment variable ISOMERGE_OPENBLAS is 0. Every function below then gives nothing,
// as it does for tensors that are not on the CPU.
bool has_openblas();

// Whether its general products, and all pairs by divide and conquer, take less time than those of
// LibTorch's MKL: on every processor but Intel's. Measured on one core of a Xeon (model 207), order
// 768, fp64: 80 GFLOP/s of MKL's products against 70, of 40 columns 76 against 55; all eigenpairs
// 74 ms against 91. Rank-k products and some of the pairs are OpenBLAS's everywhere.
bool openblas_is_faster();

// For which kind of processor its products are made, in OpenBLAS's words; empty without it. On a
// processor that this OpenBLAS does not know it is the nearest kind that the processor is able to,
// unless the environment variable OPENBLAS_CORETYPE says another.
std::string openblas_kernel();

// a b [m, n] for matrices of one dtype, fp32 or fp64, with no empty dimension. An operand whose
// rows or columns are not contiguous is copied.
std::optional<at::Tensor> openblas_product(const at::Tensor& a, const at::Tensor& b);

// c = a b for fp64 matrices, the rows of c contiguous; operands as above. False: nothing was done.
bool openblas_write_product(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b);

// The upper triangle of gram [m, m] += that of a a^T, for a [m, n] fp64, not empty, and a
// contiguous gram. An operand as above. False: nothing was done.
bool openblas_add_upper_gram(const at::Tensor& gram, const at::Tensor& a);

// The k largest eigenvalues [k], ascending, of g [r, r] symmetric, fp64, and their vectors [r, k];
// nothing also if LAPACK fails or k is not in 1 ... r. Cost: 4/3 r^3 + 2 r^2 k flops; all of them
// by divide and conquer, fewer by relatively robust representations.
std::optional<std::pair<at::Tensor, at::Tensor>> openblas_eigenpairs(const at::Tensor& g,
                                                                     int64_t k);

}  // namespace isomerge
