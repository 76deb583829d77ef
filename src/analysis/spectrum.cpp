#include "analysis/spectrum.h"

#include <cmath>

#include <ATen/TensorOperators.h>

namespace isomerge {

at::Tensor interpolated_spectrum(const at::Tensor& s, double beta) {
  if (s.numel() == 0) return s;  // which has no mean
  return (1.0 - beta) * s + beta * s.mean();
}

Truncation truncation(const at::Tensor& s, int64_t k) {
  const auto energy = [](const at::Tensor& values) { return values.square().sum().item<double>(); };
  const double kept = energy(s.narrow(0, 0, k)), rest = energy(s.narrow(0, k, s.numel() - k));
  const double total = kept + rest;
  if (total == 0.0) return {};
  return {kept / total, std::sqrt(rest / total)};
}

}  // namespace isomerge
