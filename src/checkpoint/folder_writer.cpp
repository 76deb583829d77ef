#include "checkpoint/folder_writer.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/shard_index.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

// Tensors in their order, cut where the next one would make a shard too large.
std::vector<std::vector<TensorInfo>> cut_into_shards(const std::vector<TensorInfo>& tensors,
                                                     uint64_t shard_bytes) {
  std::vector<std::vector<TensorInfo>> shards(1);
  uint64_t filled = 0;
  for (const TensorInfo& info : tensors) {
    const bool fits = shard_bytes == 0 || filled + info.bytes() <= shard_bytes;
    if (!fits && !shards.back().empty()) {
      shards.emplace_back();
      filled = 0;
    }
    shards.back().push_back(info);
    filled += info.bytes();
  }
  return shards;
}

std::string shard_name(size_t number, size_t count) {
  return count == 1 ? kSingle : fmt::format("model-{:05}-of-{:05}.safetensors", number + 1, count);
}

}  // namespace

void remove_old_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) {
    throw machine_error(fmt::format("{}: cannot remove this file of an older run: {}",
                                    path.string(), error.message()));
  }
}

bool is_folder_file(const std::string& name) {
  if (name == kSingle || name == kIndex) return true;
  const auto digits =
      std::count_if(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  return glob_matches("model-*-of-*.safetensors", name) && digits == 10 &&
         name.size() == shard_name(0, 2).size();
}

FolderWriter::FolderWriter(const fs::path& folder, const std::vector<TensorInfo>& tensors,
                           const std::map<std::string, std::string>& metadata,
                           const FolderOptions& options)
    : folder_(folder) {
  require_writable_folder(folder_);
  const auto shards = cut_into_shards(tensors, options.shard_bytes);
  WeightMap weight_map;
  uint64_t total_bytes = 0;
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i, shards.size());
    names_.insert(name);
    shards_.push_back(std::make_unique<SafetensorsWriter>(folder_ / name, shards[i], metadata));
    for (const TensorInfo& info : shards[i]) {
      shard_of_[info.name] = i;
      weight_map[info.name] = name;
      total_bytes += info.bytes();
    }
  }
  if (shards.size() > 1) {
    index_ = std::make_unique<AtomicFile>(folder_ / kIndex);
    index_->write(shard_index_text(weight_map, total_bytes));
    names_.insert(kIndex);
  }
  for (const auto& [name, text] : options.texts) {
    texts_.push_back(std::make_unique<AtomicFile>(folder_ / name));
    texts_.back()->write(text);
  }
}

void FolderWriter::write(const std::string& name, const at::Tensor& tensor) {
  const auto shard = shard_of_.find(name);
  if (shard == shard_of_.end()) {
    throw Error(Fault::kInternal, fmt::format("{}: tensor {} was not announced; please report this",
                                              folder_.string(), name));
  }
  shards_[shard->second]->write(name, tensor);
}

void FolderWriter::set_metadata(const std::string& key, const std::string& value) {
  for (const auto& shard : shards_) shard->set_metadata(key, value);
}

void FolderWriter::commit() {
  // What can fail fails here, while nothing is visible yet.
  for (const auto& shard : shards_) shard->flush();
  for (const auto& text : texts_) text->flush();
  if (index_) index_->flush();
  // An older index must not describe newer shards, not even for a moment.
  remove_old_file(folder_ / kIndex);
  for (const auto& text : texts_) text->commit();
  for (const auto& shard : shards_) shard->commit();
  if (index_) index_->commit();
  std::error_code error;
  std::vector<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    if (is_folder_file(name) && !names_.contains(name)) stale.push_back(entry.path());
  }
  for (const fs::path& path : stale) remove_old_file(path);
}

}  // namespace isomerge
