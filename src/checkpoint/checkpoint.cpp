#include "checkpoint/checkpoint.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/archive.h"
#include "checkpoint/safetensors.h"

namespace isomerge {
namespace {

bool is_zip(const InputFile& file) {
  std::array<char, 4> magic{};
  if (file.size() < magic.size()) return false;
  file.read_at(0, magic.data(), magic.size());
  return std::string_view(magic.data(), magic.size()) == "PK\x03\x04";
}

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
  return format == Format::kSafetensors ? "safetensors" : "TorchScript archive";
}

Checkpoint::Checkpoint(const std::filesystem::path& path) : file_(path) {
  std::vector<TensorPlace> places;
  if (is_zip(file_)) {
    format_ = Format::kTorchScript;
    places = read_archive_places(file_);
  } else {
    SafetensorsHeader header = read_safetensors_header(file_);
    metadata_ = std::move(header.metadata);
    places = std::move(header.places);
  }
  std::stable_sort(places.begin(), places.end(),
                   [](const TensorPlace& a, const TensorPlace& b) { return a.offset < b.offset; });
  for (TensorPlace& place : places) {
    tensors_.push_back(place.info);
    places_.emplace(place.info.name, std::move(place));
  }
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
    file_.read_at(place.offset, tensor.mutable_data_ptr(), place.info.bytes());
    return tensor;
  }
  at::Tensor storage = at::empty({spanned_elements(place)}, options);
  file_.read_at(place.offset, storage.mutable_data_ptr(), storage.nbytes());
  return storage.as_strided(place.info.shape, place.strides).contiguous();
}

void Checkpoint::read_rows(const std::string& name, int64_t first, int64_t count, void* out) const {
  const TensorPlace& place = require_place(name);
  const uint64_t rows = place.info.shape.empty() ? 1 : static_cast<uint64_t>(place.info.shape[0]);
  const uint64_t row_bytes = rows == 0 ? 0 : place.info.bytes() / rows;
  const uint64_t bytes = row_bytes * static_cast<uint64_t>(count);
  const uint64_t skipped = row_bytes * static_cast<uint64_t>(first);
  if (place.strides.empty()) return file_.read_at(place.offset + skipped, out, bytes);
  const at::Tensor whole = read(name);
  std::memcpy(out, static_cast<const char*>(whole.const_data_ptr()) + skipped, bytes);
}

void Checkpoint::will_need(const std::string& name) const {
  const TensorPlace& place = require_place(name);
  file_.will_need(place.offset, place.info.bytes());
}

Weights Checkpoint::read_all() const {
  Weights weights;
  for (const TensorInfo& info : tensors_) weights[info.name] = read(info.name);
  return weights;
}

}  // namespace isomerge
