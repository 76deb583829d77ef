// tests/support/formula.h -- weights from a formula of (tensor name, task, index), the same bit for
// bit as tests/golden/formula.py makes them, so that only the results of merging are committed.
//
// Elementary operations only, one rounding each and in no order that matters (no sums, no library
// functions but rint): any IEEE 754 machine that does not contract a*b+c agrees. Where one does,
// the rounding of the updates to a grid hides it, and the checksums in the golden files tell if
// not.
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

#include "support/golden.h"

namespace isomerge {

// What a number is used for, in the order of formula.py.
enum class Stream : uint64_t {
  kBase,
  kLeft,
  kRight,
  kSpectrum,
  kCommon,
  kNearLeft,
  kNearRight,
  kFarLeft,
  kFarRight,
  kProbe,
  kSample
};

// The "task" of what all tasks share; task t, counted from 0, is t + 1.
constexpr uint64_t kShared = 0;

// The finaliser of splitmix64 (Steele et al. 2014).
uint64_t mix(uint64_t value);

// The hashed numbers of one (name, stream, task).
class Numbers {
 public:
  Numbers(const std::string& name, Stream stream, uint64_t task);

  uint64_t hash(int64_t index) const { return mix(key_ + static_cast<uint64_t>(index)); }

  // In [-1, 1).
  double uniform(int64_t index) const {
    return static_cast<double>(hash(index) >> 11) * 0x1p-52 - 1.0;
  }

 private:
  uint64_t key_;
};

// The weights: fp32, contiguous, of the tensor's shape. Cost of an expert: a few passes over the
// matrix for each doubling of its sides. `task` counts from 0.
at::Tensor golden_base(const GoldenTensor& tensor);
at::Tensor golden_expert(const GoldenCase& golden, const GoldenTensor& tensor, int64_t task);

}  // namespace isomerge
