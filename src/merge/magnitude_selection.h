// merge/magnitude_selection.h -- the exact k-th smallest magnitude of numbers that are never held
// at once: a radix selection that looks at them a few times.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "merge/elementwise.h"

namespace isomerge {

// Finds, for every task and group, the (d - floor(keep d))-th smallest of its d magnitudes, counted
// from 1; 0 if that number is 0. Magnitudes order like their bit patterns, which the passes fix
// from the top. A group is one tensor or all of them together.
//
// cost  fp32: two passes (all tensors as one group) or four; fp64: four or eight. One histogram per
//       task and group: 65,536 or 256 counts.
class MagnitudeSelection {
 public:
  MagnitudeSelection(double keep, bool is_per_tensor)
      : keep_(keep), is_per_tensor_(is_per_tensor) {}

  void prepare(at::ScalarType dtype);
  int scans() const { return static_cast<int>(widths_.size()); }
  std::unique_ptr<ScanState> start_scan(int scan) const;
  void finish_scan(int scan, const ScanState& total);

  // One threshold per task for the entries of this tensor; after the last pass.
  const std::vector<double>& thresholds(const TensorInfo& info) const;

 private:
  class Histograms;
  struct Search {         // of one task in one group
    uint64_t prefix = 0;  // bits fixed so far
    uint64_t rank = 0;    // 1-based, among the magnitudes with that prefix; 0: keep everything
  };

  std::string group_of(const TensorInfo& info) const { return is_per_tensor_ ? info.name : ""; }

  double keep_;
  bool is_per_tensor_;
  at::ScalarType dtype_ = at::kFloat;
  std::vector<int> widths_;  // bits that each pass fixes, from the top
  std::map<std::string, std::vector<Search>> searches_;
  std::map<std::string, std::vector<double>> thresholds_;
};

}  // namespace isomerge
