// checkpoint/checkpoint.h -- named tensors in one file or several, whatever the format. Start here.
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

enum class Format { kSafetensors, kTorchScript, kStateDict };

std::string format_text(Format format);

// Where a tensor's bytes lie in its file: shape and dtype are in `info`, strides in elements.
struct TensorPlace {
  TensorInfo info;
  uint64_t offset = 0;           // of the first element, in bytes from the start of the file
  std::vector<int64_t> strides;  // empty: row-major contiguous
  size_t file = 0;               // which of the checkpoint's files
};

// Whether a safetensors file may end before its tensors do, as one of which only the header was
// downloaded: enough to plan with.
enum class TensorData { kRequired, kMayBeMissing };

// An open checkpoint: its header is read and checked, its tensors are read when asked for, with
// positioned reads. Reading is thread-safe.
class Checkpoint {
 public:
  // Takes a safetensors file, a TorchScript archive, a state dict of torch.save (zip format; keys
  // of dictionaries in it are joined by dots, what is not a tensor is passed over), a *.index.json
  // with its shards, or a folder with one of model.safetensors, model.safetensors.index.json,
  // pytorch_model.bin, pytorch_model.bin.index.json. Recognises the format by content. Throws
  // Error(kInput) naming the file and what is wrong with it; no byte is trusted before it is
  // checked.
  explicit Checkpoint(const std::filesystem::path& path);

  // Reading what kMayBeMissing let pass is an Error(kInput).
  Checkpoint(const std::filesystem::path& path, TensorData data);

  const std::filesystem::path& path() const { return path_; }  // as given
  std::string label() const { return path_.string(); }
  Format format() const { return format_; }
  uint64_t file_bytes() const;                       // of all files()
  std::vector<std::filesystem::path> files() const;  // those with tensors, in the order of names
  std::vector<std::filesystem::path> files_without_data() const;  // that end before their tensors

  // In the order of their bytes in the files, so that reading them in turn reads forwards.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  Layout layout() const { return {label(), tensors_}; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  bool contains(const std::string& name) const { return places_.contains(name); }

  // Throws Error(kInput) with the nearest name if there is no such tensor.
  const TensorInfo& require_info(const std::string& name) const;

  // The tensor as stored: its dtype, contiguous, on the CPU. Cost: its bytes.
  at::Tensor read(const std::string& name) const;

  // Rows `first` to `first + count` along dimension 0, as stored and contiguous, into `out`, which
  // has room for them; a scalar has one row. One positioned read of just these bytes; a tensor that
  // is not contiguous in its file (only archives have such) is read whole each time. Rows beyond
  // the tensor are Error(kInternal).
  void read_rows(const std::string& name, int64_t first, int64_t count, void* out) const;

  // Tells the kernel that this tensor will be read soon. Returns at once.
  void will_need(const std::string& name) const;

  // All tensors at once: for models that fit.
  Weights read_all() const;

 private:
  const TensorPlace& require_place(const std::string& name) const;

  std::filesystem::path path_;
  std::vector<InputFile> files_;
  Format format_ = Format::kSafetensors;
  std::map<std::string, TensorPlace> places_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace isomerge
