// support/random_tensors.h -- reproducible tensors for tests, independent of the global generator.
#pragma once

#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/randn.h>

#include "task/updates.h"

namespace isomerge {

inline at::Tensor random_tensor(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::kDouble);
}

// m x c with orthonormal columns.
inline at::Tensor random_orthonormal(int64_t m, int64_t c, uint64_t seed) {
  return std::get<0>(at::linalg_qr(random_tensor({m, c}, seed)));
}

inline std::vector<Update> random_updates(int64_t m, int64_t n, int tasks, uint64_t seed) {
  std::vector<Update> updates;
  for (int t = 0; t < tasks; ++t) {
    updates.emplace_back(random_tensor({m, n}, seed + static_cast<uint64_t>(t)));
  }
  return updates;
}

// ||got - want||_F / ||want||_F; the absolute norm if want is zero. NaN stays NaN, so
// EXPECT_LE fails on it.
inline double relative_error(const at::Tensor& got, const at::Tensor& want) {
  if (got.sizes() != want.sizes()) return std::numeric_limits<double>::infinity();
  const double difference = got.to(at::kDouble).sub(want.to(at::kDouble)).norm().item<double>();
  const double norm = want.to(at::kDouble).norm().item<double>();
  return norm > 0.0 ? difference / norm : difference;
}

}  // namespace isomerge
