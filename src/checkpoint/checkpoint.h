// checkpoint/checkpoint.h -- a file of named tensors, whatever its format. Start here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "checkpoint/layout.h"
#include "checkpoint/tensor_info.h"

namespace isomerge {

enum class Format { kSafetensors, kTorchScript };

std::string format_text(Format format);

// Where a tensor's bytes lie in its file: shape and dtype are in `info`, strides in elements.
struct TensorPlace {
  TensorInfo info;
  uint64_t offset = 0;           // of the first element, in bytes from the start of the file
  std::vector<int64_t> strides;  // empty: row-major contiguous
};

// An open checkpoint: its header is read and checked, its tensors are read when asked for, with
// positioned reads. Reading is thread-safe.
class Checkpoint {
 public:
  // Recognises the format by content. Throws Error(kInput) naming the file and what is wrong with
  // it; no byte of the file is trusted before it is checked.
  explicit Checkpoint(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  std::string label() const { return file_.path().string(); }
  Format format() const { return format_; }
  uint64_t file_bytes() const { return file_.size(); }

  // In the order of their bytes in the file, so that reading them in turn reads forwards.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  Layout layout() const { return {label(), tensors_}; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  bool contains(const std::string& name) const { return places_.contains(name); }

  // Throws Error(kInput) with the nearest name if there is no such tensor.
  const TensorInfo& require_info(const std::string& name) const;

  // The tensor as stored: its dtype, contiguous, on the CPU. Cost: its bytes.
  at::Tensor read(const std::string& name) const;

  // `count` rows along dimension 0 from row `first`, as stored, contiguous, into `out`; a scalar is
  // one row. Cost: the bytes of those rows, of the whole tensor where it is not stored contiguous.
  void read_rows(const std::string& name, int64_t first, int64_t count, void* out) const;

  // Asks the system to read the tensor's bytes soon, and returns at once.
  void will_need(const std::string& name) const;

  // All tensors at once: for models that fit.
  Weights read_all() const;

 private:
  const TensorPlace& require_place(const std::string& name) const;

  InputFile file_;
  Format format_ = Format::kSafetensors;
  std::map<std::string, TensorPlace> places_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace isomerge
