// analysis/spectrum.h -- what is read off singular values alone.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace isomerge {

// The spectrum on the way from Task Arithmetic (beta = 0) to Iso-C (beta = 1):
//
//     s_i(beta) = (1 - beta) s_i + beta mean(s)      arXiv:2502.04959, Fig. 4
//
// s [r] all singular values of the sum, fp64, zeros included; beta in [0, 1]. The order stays.
at::Tensor interpolated_spectrum(const at::Tensor& s, double beta);

// What is left of a matrix when its k leading triplets are kept.
struct Truncation {
  double energy = 1.0;          // |D_k|_F^2 / |D|_F^2
  double relative_error = 0.0;  // |D - D_k|_F / |D|_F
};

// s [r] descending, fp64; 0 <= k <= r. A matrix of zeros loses nothing. Cost: r.
Truncation truncation(const at::Tensor& s, int64_t k);

}  // namespace isomerge
