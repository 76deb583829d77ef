// Every method against the float64 reference of tests/golden: weights written to files, merged with
// merge_files(), read back.
#include "support/golden.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "config/configuration.h"
#include "config/recipe.h"
#include "merge/merge_files.h"
#include "support/formula.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

// Largest relative Frobenius error of a tensor (design: numbers every change is held to).
struct Bar {
  Precision precision;
  double error;
};
constexpr std::array<Bar, 2> kBars = {{{Precision::kFp32, 1e-4}, {Precision::kFp64, 1e-10}}};

Checkpoint golden_file(const std::string& case_name) {
  const std::string stem = case_name.substr(0, case_name.find('/'));
  return Checkpoint(fs::path(ISOMERGE_SOURCE_DIR) / "tests/golden" / (stem + ".safetensors"));
}

// The case's base and experts as files in a folder of their own, gone with the object.
class CaseFiles {
 public:
  explicit CaseFiles(const GoldenCase& golden) : golden_(golden) {
    std::string folder = (fs::temp_directory_path() / "isomerge_golden_XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) throw fs::filesystem_error("mkdtemp", folder, {});
    folder_ = folder;
    write("base", [](const GoldenTensor& tensor) { return golden_base(tensor); });
    for (int64_t t = 0; t < golden.tasks; ++t)
      write(expert_name(t),
            [&, t](const GoldenTensor& tensor) { return golden_expert(golden_, tensor, t); });
  }
  ~CaseFiles() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  CaseFiles(const CaseFiles&) = delete;
  CaseFiles& operator=(const CaseFiles&) = delete;

  // Merges with the case's options; the merged updates.
  Checkpoint merged(const std::string& run, Precision precision) const {
    const Configuration parsed = parse_configuration(run);
    Recipe recipe;
    recipe.method = parsed.method;
    recipe.options = parsed.options;
    if (parsed.method == "iso_cts") recipe.options["common_fraction"] = golden_.fraction;
    recipe.precision = precision;
    recipe.exclude = golden_.exclude;
    recipe.average = golden_.average;
    recipe.base = file("base");
    for (int64_t t = 0; t < golden_.tasks; ++t)
      recipe.experts.emplace_back(expert_name(t), file(expert_name(t)));
    recipe.out = file("merged");
    recipe.update_only = true;
    merge_files({recipe}, {.threads = 2});
    return Checkpoint(recipe.out);
  }

 private:
  static std::string expert_name(int64_t task) { return fmt::format("task{}", task); }

  fs::path file(const std::string& name) const { return folder_ / (name + ".safetensors"); }

  template <typename Make>
  void write(const std::string& name, const Make& make) const {
    std::vector<TensorInfo> infos;
    for (const GoldenTensor& tensor : golden_.tensors)
      infos.push_back({tensor.name, at::kFloat, tensor.shape});
    SafetensorsWriter writer(file(name), infos, {});
    for (const GoldenTensor& tensor : golden_.tensors) writer.write(tensor.name, make(tensor));
    writer.commit();
  }

  const GoldenCase& golden_;
  fs::path folder_;
};

// |a - b|_F; infinite if the shapes differ.
double distance(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  const at::Tensor x = a.to(at::kDouble).contiguous();
  const at::Tensor y = b.to(at::kDouble).contiguous();
  const double* p = x.const_data_ptr<double>();
  const double* q = y.const_data_ptr<double>();
  double sum = 0;
  for (int64_t i = 0; i < x.numel(); ++i) sum += (p[i] - q[i]) * (p[i] - q[i]);
  return std::sqrt(sum);
}

double norm(const at::Tensor& a) { return distance(a, at::zeros_like(a)); }

// Relative to the reference; where that is zero, the result must be too.
void expect_close(const at::Tensor& result, const at::Tensor& reference, double bar) {
  EXPECT_LE(distance(result, reference), bar * norm(reference));
}

void expect_golden(const Checkpoint& reference, const std::string& key, const GoldenTensor& tensor,
                   const at::Tensor& merged, double bar) {
  ASSERT_EQ(merged.sizes().vec(), tensor.shape);
  if (merged.numel() <= kGoldenWhole) {
    expect_close(merged, reference.read(key), bar);
    return;
  }
  const at::Tensor probe = reference.read(key + "#probe");
  const at::Tensor sample = reference.read(key + "#sample");
  const Sketch sketch = golden_sketch(tensor.name, merged, probe.size(1), sample.size(0));
  const double expected = reference.read(key + "#norm").const_data_ptr<double>()[0];
  EXPECT_LE(std::abs(sketch.norm - expected), bar * expected);
  expect_close(sketch.probe, probe, bar);
  expect_close(sketch.sample, sample, bar);
}

void expect_all_runs_golden(const GoldenCase& golden) {
  const Checkpoint reference = golden_file(golden.name);
  const CaseFiles files(golden);
  for (const std::string& run : golden.runs) {
    for (const Bar& bar : kBars) {
      const Checkpoint merged = files.merged(run, bar.precision);
      for (const GoldenTensor& tensor : golden.tensors) {
        SCOPED_TRACE(fmt::format("{} {} {} {}", golden.name, run, precision_text(bar.precision),
                                 tensor.name));
        expect_golden(reference, fmt::format("{}/{}/{}", golden.name, run, tensor.name), tensor,
                      merged.read(tensor.name), bar.error);
      }
    }
  }
}

TEST(Golden, WeightsOfTheFormulaAreThoseOfTheReference) {
  for (const GoldenCase& golden : golden_cases()) {
    const Checkpoint reference = golden_file(golden.name);
    for (const GoldenTensor& tensor : golden.tensors) {
      std::vector<at::Tensor> weights = {golden_base(tensor)};
      for (int64_t t = 0; t < golden.tasks; ++t)
        weights.push_back(golden_expert(golden, tensor, t));
      const std::string key = fmt::format("checksum/{}/{}", golden.name, tensor.name);
      EXPECT_EQ(golden_checksum(weights), reference.metadata().at(key))
          << tensor.name << ": this machine computes other weights than tests/golden/formula.py; "
          << "no comparison below means anything";
    }
  }
}

TEST(Golden, SmallTensorsOfEveryKindAgreeForOneToTwentyTasks) {
  size_t cases = 0;
  for (const GoldenCase& golden : golden_cases()) {
    if (!golden.name.starts_with("small/")) continue;
    expect_all_runs_golden(golden);
    ++cases;
  }
  EXPECT_EQ(cases, 8u);
}

TEST(Golden, BlockOfVitB32AgreesForEightTasks) {
  for (const GoldenCase& golden : golden_cases())
    if (golden.name == "vit_b32_block") return expect_all_runs_golden(golden);
  FAIL() << "no such case";
}

}  // namespace
}  // namespace isomerge
