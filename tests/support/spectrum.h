// support/spectrum.h -- matrices with given singular values.
#pragma once

#include <vector>

#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>

#include "support/random_tensors.h"

namespace isomerge {

// u diag(values) v^T with orthonormal u [m, c], v [n, c], fp64.
inline at::Tensor with_spectrum(int64_t m, int64_t n, const std::vector<double>& values) {
  const auto c = static_cast<int64_t>(values.size());
  return at::matmul(random_orthonormal(m, c, 1).mul(at::tensor(values, at::kDouble)),
                    random_orthonormal(n, c, 2).t());
}

}  // namespace isomerge
