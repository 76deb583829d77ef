// checkpoint/safetensors.h -- the safetensors format: 8 bytes little-endian header length, a JSON
// header {name: {dtype, shape, data_offsets}}, then the tensors' bytes without holes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "checkpoint/checkpoint.h"

namespace isomerge {

struct SafetensorsHeader {
  std::vector<TensorPlace> places;
  std::map<std::string, std::string> metadata;
};

// Reads and checks the header. Throws Error(kInput) on: a header longer than the file, text that is
// not the expected JSON, unknown dtypes, duplicate names, sizes that overflow, offsets that leave
// the file, overlap or leave holes, byte counts that do not fit dtype and shape.
SafetensorsHeader read_safetensors_header(const InputFile& file);

// Writes a safetensors file tensor by tensor; it appears only when commit() is called.
class SafetensorsWriter {
 public:
  // `tensors` in the order in which they will be written; dtypes are those of the file. Wide dtypes
  // should come first, so that every tensor starts at a multiple of its element size.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<TensorInfo> tensors,
                    const std::map<std::string, std::string>& metadata);

  // The next entries of the next tensor of the list, all of them or a run in row-major order: CPU,
  // converted to its dtype here. A finite value that the narrower dtype cannot hold is an
  // Error(kInput): infinity must not slip into a checkpoint.
  void write(const std::string& name, const at::Tensor& entries);

  // Throws Error(kInternal) if tensors are missing.
  void commit();

  uint64_t written() const { return file_.written(); }

 private:
  AtomicFile file_;
  std::filesystem::path path_;
  std::vector<TensorInfo> tensors_;
  size_t next_ = 0;
  int64_t filled_ = 0;  // entries of tensor `next_` that are written
};

// All of `weights` at once, in their own dtypes.
void write_safetensors(const std::filesystem::path& path, const Weights& weights,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace isomerge
