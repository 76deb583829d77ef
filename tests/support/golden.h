// tests/support/golden.h -- the cases of tests/golden and what its files hold of a result.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace isomerge {

struct GoldenTensor {
  std::string name;
  std::string kind;            // what its updates look like: tests/golden/README.md
  std::vector<int64_t> shape;  // empty: a scalar
};

// One base with its experts (support/formula.h makes them), and the options to merge them with.
struct GoldenCase {
  std::string name;  // "small/t8": results are in tests/golden/small.safetensors
  int64_t tasks = 0;
  double fraction = 0;  // Iso-CTS's common_fraction
  std::vector<std::string> exclude;
  std::vector<std::string> average;
  std::vector<GoldenTensor> tensors;
  std::vector<std::string> runs;  // "iso_cts", "iso_c/beta=0.4": methods and ablations
};

// All cases of tests/golden/cases.json.
std::vector<GoldenCase> golden_cases();

// 16 hexadecimal digits over the bits of fp32 tensors, in order: base, then the experts.
std::string golden_checksum(const std::vector<at::Tensor>& tensors);

// What the files hold of a result R of more than kGoldenWhole entries, seen as a matrix [m, n] (n =
// all dimensions but the first). With the +-1 matrix G [n, p], the expectation of
// |(M - R) G|_F^2 / p is |M - R|_F^2.
constexpr int64_t kGoldenWhole = 256;
struct Sketch {
  double norm = 0;    // |R|_F
  at::Tensor probe;   // R G / sqrt(p), fp64 [m, p]
  at::Tensor sample;  // some entries, fp64 [samples]
};
Sketch golden_sketch(const std::string& name, const at::Tensor& tensor, int64_t probes,
                     int64_t samples);

}  // namespace isomerge
