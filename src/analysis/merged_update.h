// analysis/merged_update.h -- a merged update, of a checkpoint or just made, tensor by tensor.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

#include "checkpoint/checkpoint.h"

namespace isomerge {

// A merged model, of which the base is subtracted, or a merged update as `isomerge merge
// --update-only` writes it, which its metadata says. Only the latter is free of the rounding of the
// model's dtype. The scale, alpha, is whatever the file has. Reading is thread-safe.
class MergedUpdate {
 public:
  // Throws Error(kInput) if the file does not hold the floating tensors of `base`, which must
  // outlive this object; all differences in one report.
  MergedUpdate(const std::filesystem::path& file, const Checkpoint& base);

  // As merging gave it, before alpha: one tensor for each floating tensor of `base`.
  MergedUpdate(Weights update, const Checkpoint& base);

  // Rows [first, first + rows) of D_M in `dtype` (fp32 or fp64). Throws Error(kInput) if a value is
  // NaN or Inf.
  at::Tensor rows(const std::string& name, int64_t first, int64_t rows, at::ScalarType dtype) const;

  // All rows.
  at::Tensor load(const std::string& name, at::ScalarType dtype) const;

 private:
  std::optional<Checkpoint> file_;  // else `held_`
  Weights held_;
  const Checkpoint& base_;
  bool is_update_ = false;
};

}  // namespace isomerge
