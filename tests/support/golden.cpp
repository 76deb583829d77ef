#include "support/golden.h"

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "support/formula.h"

namespace isomerge {

std::vector<GoldenCase> golden_cases() {
  const std::filesystem::path path =
      std::filesystem::path(ISOMERGE_SOURCE_DIR) / "tests/golden/cases.json";
  std::vector<GoldenCase> cases;
  for (const nlohmann::json& entry : nlohmann::json::parse(std::ifstream(path))) {
    GoldenCase golden{entry.at("name"),
                      entry.at("tasks"),
                      entry.at("fraction"),
                      entry.at("exclude"),
                      entry.at("average"),
                      {},
                      {}};
    for (const nlohmann::json& tensor : entry.at("tensors"))
      golden.tensors.push_back(
          {tensor.at(0), tensor.at(1), std::vector<int64_t>(tensor.begin() + 2, tensor.end())});
    golden.runs = {"average", "task_arithmetic", "tsv_m", "iso_c", "iso_cts"};
    if (entry.contains("ablations"))
      for (const nlohmann::json& run : entry.at("ablations")) golden.runs.push_back(run);
    cases.push_back(std::move(golden));
  }
  return cases;
}

std::string golden_checksum(const std::vector<at::Tensor>& tensors) {
  uint64_t total = 0;
  uint64_t place = 0;
  for (const at::Tensor& tensor : tensors) {
    const float* values = tensor.const_data_ptr<float>();
    for (int64_t i = 0; i < tensor.numel(); ++i)
      total += mix(std::bit_cast<uint32_t>(values[i]) ^ (place++ << 32));
  }
  return fmt::format("{:016x}", total);
}

Sketch golden_sketch(const std::string& name, const at::Tensor& tensor, int64_t probes,
                     int64_t samples) {
  const at::Tensor exact = tensor.to(at::kDouble).contiguous();
  const int64_t m = exact.size(0);
  const int64_t n = exact.numel() / m;
  const double* values = exact.const_data_ptr<double>();
  Sketch sketch{0, at::empty({m, probes}, at::kDouble), at::empty({samples}, at::kDouble)};
  for (int64_t i = 0; i < m * n; ++i) sketch.norm += values[i] * values[i];
  sketch.norm = std::sqrt(sketch.norm);
  const Numbers sign(name, Stream::kProbe, kShared);
  std::vector<double> g(static_cast<size_t>(n * probes));
  for (size_t i = 0; i < g.size(); ++i)
    g[i] = (sign.uniform(static_cast<int64_t>(i)) < 0 ? -1.0 : 1.0) /
           std::sqrt(static_cast<double>(probes));
  double* probe = sketch.probe.mutable_data_ptr<double>();
  for (int64_t i = 0; i < m; ++i)
    for (int64_t p = 0; p < probes; ++p) {
      double sum = 0;
      for (int64_t j = 0; j < n; ++j)
        sum += values[i * n + j] * g[static_cast<size_t>(j * probes + p)];
      probe[i * probes + p] = sum;
    }
  const Numbers place(name, Stream::kSample, kShared);
  double* sample = sketch.sample.mutable_data_ptr<double>();
  for (int64_t i = 0; i < samples; ++i)
    sample[i] = values[place.hash(i) % static_cast<uint64_t>(m * n)];
  return sketch;
}

}  // namespace isomerge
