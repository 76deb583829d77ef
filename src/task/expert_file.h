// task/expert_file.h -- one expert: a checkpoint with the base's tensors, or an adapter of the
// base.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "checkpoint/adapter.h"
#include "checkpoint/checkpoint.h"
#include "task/update.h"

namespace isomerge {

// Rows [first, first + rows) along dimension 0 of a tensor, as stored; `info` has its name and
// shape.
at::Tensor read_rows(const Checkpoint& from, const TensorInfo& info, int64_t first, int64_t rows);

// XXH3-128 of stored values.
std::string stored_hash(const at::Tensor& stored);

// The files of an expert, without its base. Throws Error(kInput) if they are no checkpoint.
std::vector<std::filesystem::path> expert_files(const std::filesystem::path& path);

// Holds no tensor. Reading is thread-safe.
class ExpertFile {
 public:
  // `base` has to outlive this object. Throws Error(kInput): see Checkpoint and Adapter. That a
  // checkpoint has the base's tensors is the caller's to check.
  ExpertFile(const std::filesystem::path& path, const Checkpoint& base);
  ExpertFile(const std::filesystem::path& path, const Checkpoint& base, TensorData data);

  std::string label() const;
  std::vector<std::filesystem::path> files() const;
  const Checkpoint* checkpoint() const { return checkpoint_.get(); }  // null: it is an adapter

  uint64_t bytes(const std::string& name) const;  // to read for one tensor

  // The rank of an adapter's update of rows of a matrix, at most; nothing where it is no product.
  std::optional<int64_t> rank(const std::string& name, int64_t first, int64_t rows) const {
    return adapter_ ? adapter_->rank(name, first, rows) : std::nullopt;
  }

  // Rows of a floating tensor.
  struct Rows {
    const TensorInfo& info;  // in the base
    int64_t first = 0;
    const at::Tensor& stored;  // in the base, as stored
    const at::Tensor& base;    // the same in the compute dtype
  };

  struct Read {
    Update update;     // expert - base, in the dtype of `rows.base`
    std::string hash;  // see below
  };

  // low_rank  an adapter's update of a matrix as factors
  // hashed    with the hash of what the update depends on beside the base's values; of a tensor
  // that
  //           an adapter leaves alone it is that of the base's. Else "".
  // NaN and Inf of a checkpoint are not looked for.
  Read read(const Rows& rows, bool low_rank, bool hashed) const;

  // False if it may differ from the base's rows.
  bool is_unchanged(const TensorInfo& info, int64_t first, const at::Tensor& stored) const;

  void will_need(const std::string& name) const;

  // The whole model: what an adapter changes in fp32.
  Weights weights() const;

 private:
  Update adapter_update(const Rows& rows, bool low_rank) const;

  const Checkpoint& base_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::unique_ptr<Adapter> adapter_;
};

}  // namespace isomerge
