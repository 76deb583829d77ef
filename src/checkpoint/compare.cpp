#include "checkpoint/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace isomerge {
namespace {

constexpr int64_t kBlock = 1 << 20;  // entries; a block of both in float64 is 16 MiB

// What is known after some of the entries.
struct Sums {
  double squared_difference = 0.0, squared_reference = 0.0;
};

void add_difference(double difference, ValueDifference* out, Sums* sums) {
  ++out->differing;
  out->max_difference = std::max(out->max_difference, difference);
  sums->squared_difference += difference * difference;
}

void compare_entry(double a, double b, ValueDifference* out, Sums* sums) {
  if (std::isfinite(b)) sums->squared_reference += b * b;
  if (a == b || (std::isnan(a) && std::isnan(b))) return;
  if (std::isnan(a) || std::isnan(b)) {
    ++out->differing;
    ++out->one_sided_nan;
    return;
  }
  add_difference(std::fabs(a - b), out, sums);
}

// Beyond 2^53 float64 cannot tell neighbours apart.
void compare_entry(int64_t a, int64_t b, ValueDifference* out, Sums* sums) {
  sums->squared_reference += static_cast<double>(b) * static_cast<double>(b);
  if (a == b) return;
  const uint64_t large = static_cast<uint64_t>(std::max(a, b));
  const uint64_t small = static_cast<uint64_t>(std::min(a, b));
  add_difference(static_cast<double>(large - small), out, sums);
}

template <typename T>
void compare_all(const at::Tensor& tensor, const at::Tensor& reference, at::ScalarType dtype,
                 ValueDifference* out, Sums* sums) {
  const at::Tensor flat = tensor.reshape({-1}), wanted = reference.reshape({-1});
  for (int64_t first = 0; first < flat.numel(); first += kBlock) {
    const int64_t count = std::min(kBlock, flat.numel() - first);
    const at::Tensor a = flat.narrow(0, first, count).to(dtype).contiguous();
    const at::Tensor b = wanted.narrow(0, first, count).to(dtype).contiguous();
    const T* x = a.const_data_ptr<T>();
    const T* y = b.const_data_ptr<T>();
    for (int64_t i = 0; i < count; ++i) compare_entry(x[i], y[i], out, sums);
  }
}

double ratio(const Sums& sums) {
  if (sums.squared_difference == 0.0) return 0.0;
  const double value = std::sqrt(sums.squared_difference / sums.squared_reference);
  return std::isnan(value) ? std::numeric_limits<double>::infinity() : value;
}

}  // namespace

ValueDifference compare_values(const std::string& name, const at::Tensor& tensor,
                               const at::Tensor& reference) {
  ValueDifference out;
  out.name = name;
  out.entries = reference.numel();
  Sums sums;
  if (is_floating(tensor.scalar_type()) || is_floating(reference.scalar_type())) {
    compare_all<double>(tensor, reference, at::kDouble, &out, &sums);
  } else {
    compare_all<int64_t>(tensor, reference, at::kLong, &out, &sums);
  }
  out.relative = ratio(sums);
  return out;
}

const ValueDifference* CheckpointDifference::worst() const {
  const auto found = std::max_element(
      values.begin(), values.end(),
      [](const ValueDifference& a, const ValueDifference& b) { return a.relative < b.relative; });
  return found == values.end() ? nullptr : &*found;
}

CheckpointDifference compare_checkpoints(const Checkpoint& checkpoint,
                                         const Checkpoint& reference) {
  CheckpointDifference out;
  out.layout = layout_differences(reference.layout(), checkpoint.layout());
  for (const TensorInfo& wanted : reference.tensors()) {
    if (!checkpoint.contains(wanted.name)) continue;
    const TensorInfo& found = checkpoint.require_info(wanted.name);
    if (found.shape != wanted.shape) continue;
    const bool is_listed = is_floating(found.dtype) != is_floating(wanted.dtype);
    if (found.dtype != wanted.dtype && !is_listed) {
      out.layout.push_back(fmt::format("dtype: {}: expected {}, got {}", wanted.name,
                                       dtype_text(wanted.dtype), dtype_text(found.dtype)));
    }
    ValueDifference values =
        compare_values(wanted.name, checkpoint.read(wanted.name), reference.read(wanted.name));
    if (values.differing > 0) {
      out.values.push_back(std::move(values));
    } else {
      ++out.equal;
    }
  }
  std::sort(out.values.begin(), out.values.end(),
            [](const ValueDifference& a, const ValueDifference& b) { return a.name < b.name; });
  return out;
}

}  // namespace isomerge
