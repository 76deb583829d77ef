#include "checkpoint/checkpoint.h"

#include <cstring>
#include <set>

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/file_set.h"

namespace isomerge {
namespace {

// Elements that a strided tensor spans in its storage, from its first to its last.
int64_t spanned_elements(const TensorPlace& place) {
  int64_t last = 0;
  for (size_t d = 0; d < place.strides.size(); ++d) {
    last += (place.info.shape[d] - 1) * place.strides[d];
  }
  return last + 1;
}

}  // namespace

std::string format_text(Format format) {
  switch (format) {
    case Format::kSafetensors:
      return "safetensors";
    case Format::kTorchScript:
      return "TorchScript archive";
    case Format::kStateDict:
      break;
  }
  return "torch.save state dict";
}

Checkpoint::Checkpoint(const std::filesystem::path& path)
    : Checkpoint(path, TensorData::kRequired) {}

Checkpoint::Checkpoint(const std::filesystem::path& path, TensorData data) : path_(path) {
  FileSet set = open_file_set(path, data);
  files_ = std::move(set.files);
  format_ = set.format;
  metadata_ = std::move(set.metadata);
  for (TensorPlace& place : set.places) {
    tensors_.push_back(place.info);
    places_.emplace(place.info.name, std::move(place));
  }
}

uint64_t Checkpoint::file_bytes() const {
  uint64_t bytes = 0;
  for (const InputFile& file : files_) bytes += file.size();
  return bytes;
}

std::vector<std::filesystem::path> Checkpoint::files() const {
  std::vector<std::filesystem::path> paths;
  for (const InputFile& file : files_) paths.push_back(file.path());
  return paths;
}

std::vector<std::filesystem::path> Checkpoint::files_without_data() const {
  if (format_ != Format::kSafetensors) return {};
  std::set<size_t> cut_short;
  for (const auto& [name, place] : places_) {
    if (place.offset + place.info.bytes() > files_[place.file].size()) cut_short.insert(place.file);
  }
  std::vector<std::filesystem::path> paths;
  for (const size_t file : cut_short) paths.push_back(files_[file].path());
  return paths;
}

const TensorPlace& Checkpoint::require_place(const std::string& name) const {
  const auto match = places_.find(name);
  if (match != places_.end()) return match->second;
  std::vector<std::string> known;
  for (const TensorInfo& info : tensors_) known.push_back(info.name);
  throw input_error(
      fmt::format("{}: no tensor \"{}\"{}", label(), name, nearest_hint(name, known)));
}

const TensorInfo& Checkpoint::require_info(const std::string& name) const {
  return require_place(name).info;
}

at::Tensor Checkpoint::read(const std::string& name) const {
  const TensorPlace& place = require_place(name);
  const auto options = at::TensorOptions().dtype(place.info.dtype);
  if (place.strides.empty() || place.info.elements() == 0) {
    at::Tensor tensor = at::empty(place.info.shape, options);
    files_[place.file].read_at(place.offset, tensor.mutable_data_ptr(), place.info.bytes());
    return tensor;
  }
  at::Tensor storage = at::empty({spanned_elements(place)}, options);
  files_[place.file].read_at(place.offset, storage.mutable_data_ptr(), storage.nbytes());
  return storage.as_strided(place.info.shape, place.strides).contiguous();
}

void Checkpoint::read_rows(const std::string& name, int64_t first, int64_t count, void* out) const {
  const TensorPlace& place = require_place(name);
  const int64_t rows = place.info.shape.empty() ? 1 : place.info.shape[0];
  if (first < 0 || count < 0 || first > rows || count > rows - first) {
    throw Error(Fault::kInternal,
                fmt::format("{}: {}: {} rows from row {} are asked for, it has {}; please report "
                            "this",
                            label(), name, count, first, rows));
  }
  if (rows == 0) return;
  const uint64_t row_bytes = place.info.bytes() / static_cast<uint64_t>(rows);
  const uint64_t skipped = static_cast<uint64_t>(first) * row_bytes;
  const uint64_t bytes = static_cast<uint64_t>(count) * row_bytes;
  if (bytes == 0) return;
  if (place.strides.empty()) {
    files_[place.file].read_at(place.offset + skipped, out, bytes);
  } else {
    const at::Tensor whole = read(name);
    std::memcpy(out, static_cast<const char*>(whole.const_data_ptr()) + skipped, bytes);
  }
}

void Checkpoint::will_need(const std::string& name) const {
  const TensorPlace& place = require_place(name);
  const uint64_t bytes = place.strides.empty() ? place.info.bytes()
                                               : static_cast<uint64_t>(spanned_elements(place)) *
                                                     c10::elementSize(place.info.dtype);
  files_[place.file].will_need(place.offset, bytes);
}

Weights Checkpoint::read_all() const {
  Weights weights;
  for (const TensorInfo& info : tensors_) weights[info.name] = read(info.name);
  return weights;
}

}  // namespace isomerge
