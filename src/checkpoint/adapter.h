// checkpoint/adapter.h -- a PEFT adapter (LoRA or (IA)^3): what it changes in which tensors of a
// base.
//
// Sources: LoRA, arXiv:2106.09685; rank stabilisation, arXiv:2312.03732; (IA)^3, arXiv:2205.05638;
// files as the library `peft` writes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "checkpoint/adapter_changes.h"
#include "checkpoint/adapter_config.h"
#include "checkpoint/checkpoint.h"

namespace isomerge {

// An update of rank R at most: b a.
struct LowRank {
  at::Tensor b;  // [m, R], fp64
  at::Tensor a;  // [R, n], fp64
};

// The files of an adapter's folder: configuration and weights. Throws Error(kInput) if there are no
// weights.
std::vector<std::filesystem::path> adapter_files(const std::filesystem::path& folder);

class Adapter {
 public:
  // Opens adapter_model.safetensors or adapter_model.bin of the folder and finds what its tensors
  // mean in the base (adapter_targets.h). Biases and whole modules that were trained beside the
  // factors ("bias", "modules_to_save") are changes as well. `base` has to outlive this object.
  //
  // throws  Error(kInput): see read_adapter_config() and find_adapter_changes().
  Adapter(const std::filesystem::path& folder, const Checkpoint& base);

  const AdapterConfig& config() const { return config_; }
  std::string label() const { return folder_.string(); }
  std::vector<std::filesystem::path> files() const { return adapter_files(folder_); }

  // Whether it changes this tensor of the base.
  bool changes(const std::string& name) const { return changes_.contains(name); }

  uint64_t bytes(const std::string& name) const;  // to read for one tensor

  // The update of rows [first, first + rows) of a 2-D tensor as a product, if factors are all there
  // is of it; b has zeros where a factor is of other rows (q in a packed tensor). Throws
  // Error(kInput) naming the factor if it has NaN or Inf. R is 0 where nothing changes the rows.
  // Cost: reads the factors.
  std::optional<LowRank> low_rank(const std::string& name, int64_t first, int64_t rows) const;

  // R of low_rank(), from the file's header alone.
  std::optional<int64_t> rank(const std::string& name, int64_t first, int64_t rows) const;

  // The update of rows of any tensor, dense, fp64.
  // base    its rows in the base, [rows, ...], in a dtype that holds them exactly
  // throws  as low_rank()
  // cost    2 rows n R flops
  at::Tensor update(const std::string& name, const at::Tensor& base, int64_t first) const;

  // Of everything that makes up the update of a tensor that it changes.
  std::string hash(const std::string& name) const;

 private:
  at::Tensor read(const std::string& stored) const;
  LowRank factors(const AdapterChange& change) const;

  const std::filesystem::path folder_;
  const Checkpoint& base_;
  const AdapterConfig config_;
  const Checkpoint file_;
  const AdapterChanges changes_;
};

}  // namespace isomerge
