#include "task/entries.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace isomerge {
namespace {

// x * 0 is 0 for finite x and NaN otherwise; the sum of such terms keeps a NaN. Blocks, so that the
// compiler may use vectors and the loop may stop early.
template <typename T>
bool is_finite_run(const T* values, int64_t count) {
  constexpr int64_t kLanes = 16;
  T lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += values[i + lane] * T(0);
  }
  for (; i < count; ++i) lanes[0] += values[i] * T(0);
  bool is_finite = true;
  for (const T lane : lanes) is_finite = is_finite && lane == T(0);
  return is_finite;
}

template <typename T>
bool is_zero_run(const T* values, int64_t count) {
  return std::all_of(values, values + count, [](T value) { return value == T(0); });
}

}  // namespace

bool all_finite(const at::Tensor& values) {
  return values.scalar_type() == at::kDouble
             ? is_finite_run(values.const_data_ptr<double>(), values.numel())
             : is_finite_run(values.const_data_ptr<float>(), values.numel());
}

bool all_zero(const at::Tensor& values) {
  return values.scalar_type() == at::kDouble
             ? is_zero_run(values.const_data_ptr<double>(), values.numel())
             : is_zero_run(values.const_data_ptr<float>(), values.numel());
}

}  // namespace isomerge
