#include "checkpoint/safetensors.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/safetensors_header.h"

namespace isomerge {

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     std::vector<TensorInfo> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path), path_(path), tensors_(std::move(tensors)), metadata_(metadata) {
  const std::string text = safetensors_header_text(tensors_, metadata_);
  const uint64_t length = text.size();
  header_bytes_ = text.size();
  file_.write(&length, sizeof length);
  file_.write(text);
}

void SafetensorsWriter::write(const std::string& name, const at::Tensor& entries) {
  if (next_ >= tensors_.size() || tensors_[next_].name != name ||
      entries.numel() > tensors_[next_].elements() - filled_) {
    throw Error(Fault::kInternal, fmt::format("{}: tensor {} written out of turn or with too many "
                                              "entries; please report this",
                                              path_.string(), name));
  }
  const at::Tensor stored =
      convert_finite(entries, tensors_[next_].dtype, fmt::format("{}: {}", path_.string(), name))
          .contiguous();
  file_.write(stored.const_data_ptr(), stored.nbytes());
  filled_ += entries.numel();
  if (filled_ == tensors_[next_].elements()) {
    ++next_;
    filled_ = 0;
  }
}

void SafetensorsWriter::set_metadata(const std::string& key, const std::string& value) {
  const auto found = metadata_.find(key);
  auto changed = metadata_;
  changed[key] = value;
  const std::string text = safetensors_header_text(tensors_, changed);
  if (found == metadata_.end() || found->second.size() != value.size() ||
      text.size() != header_bytes_) {
    throw Error(Fault::kInternal,
                fmt::format("{}: metadata \"{}\" is set to a value of another length than was "
                            "announced; please report this",
                            path_.string(), key));
  }
  file_.rewrite(sizeof(uint64_t), text);
  metadata_ = std::move(changed);
}

void SafetensorsWriter::require_all_written() const {
  if (next_ == tensors_.size()) return;
  throw Error(Fault::kInternal, fmt::format("{}: {} of {} tensors were written; please report this",
                                            path_.string(), next_, tensors_.size()));
}

void SafetensorsWriter::flush() {
  require_all_written();
  file_.flush();
}

void SafetensorsWriter::commit() {
  require_all_written();
  file_.commit();
}

std::vector<TensorInfo> in_writing_order(std::vector<TensorInfo> tensors) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return c10::elementSize(a.dtype) > c10::elementSize(b.dtype);
  });
  return tensors;
}

void write_safetensors(const std::filesystem::path& path, const Weights& weights,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<TensorInfo> tensors;
  for (const auto& [name, tensor] : weights) {
    tensors.push_back({name, tensor.scalar_type(), tensor.sizes().vec()});
  }
  tensors = in_writing_order(std::move(tensors));
  SafetensorsWriter writer(path, tensors, metadata);
  for (const TensorInfo& info : tensors) writer.write(info.name, weights.at(info.name));
  writer.commit();
}

}  // namespace isomerge
