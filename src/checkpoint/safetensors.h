// checkpoint/safetensors.h -- writing safetensors files. Their reader is Checkpoint.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "checkpoint/tensor_info.h"

namespace isomerge {

// Writes a safetensors file tensor by tensor; it appears only when commit() is called.
class SafetensorsWriter {
 public:
  // `tensors` in the order in which they will be written; dtypes are those of the file. Wide dtypes
  // should come first, so that every tensor starts at a multiple of its element size.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorInfo> tensors,
                    const std::map<std::string, std::string>& metadata);

  // The next entries of the next tensor of the list, all of them or a run in row-major order: CPU,
  // converted to its dtype by convert_finite().
  void write(const std::string& name, const at::Tensor& entries);

  // Replaces the value of a key given to the constructor by another of the same length: a hash is
  // known only after the bytes behind it went by. Throws Error(kInternal) on another key or length.
  // Cost: the header is written anew.
  void set_metadata(const std::string& key, const std::string& value);

  // Brings everything to the disk, so that commit() has little left that can fail. Both throw
  // Error(kInternal) if tensors are missing.
  void flush();
  void commit();

  uint64_t written() const { return file_.written(); }

 private:
  void require_all_written() const;

  AtomicFile file_;
  std::filesystem::path path_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
  size_t header_bytes_ = 0;
  size_t next_ = 0;
  int64_t filled_ = 0;  // entries of tensor `next_` that are written
};

// `tensors` with wide dtypes first and otherwise in their order, as the writer wants them.
std::vector<TensorInfo> in_writing_order(std::vector<TensorInfo> tensors);

// All of `weights` at once, in their own dtypes.
void write_safetensors(const std::filesystem::path& path, const Weights& weights,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace isomerge
