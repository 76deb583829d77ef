// checkpoint/folder_writer.h -- writing a checkpoint as a HuggingFace folder: model.safetensors, or
// shards with their index, and texts beside them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "checkpoint/safetensors.h"

namespace isomerge {

struct FolderOptions {
  uint64_t shard_bytes = 0;                  // tensor bytes per file; 0: everything in one
  std::map<std::string, std::string> texts;  // "README.md", "config.json" -> what they say
};

// The interface of SafetensorsWriter for a folder, which is made if it is missing. Everything is
// written under temporary names and gets its own in commit(). A shard takes tensors in their order
// until the next one would exceed the limit; a tensor above the limit has a shard to itself.
// Every shard carries all the metadata.
class FolderWriter {
 public:
  // Throws Error as require_writable_folder() and AtomicFile do.
  FolderWriter(const std::filesystem::path& folder, const std::vector<TensorInfo>& tensors,
               const std::map<std::string, std::string>& metadata, const FolderOptions& options);

  void write(const std::string& name, const at::Tensor& tensor);
  void set_metadata(const std::string& key, const std::string& value);

  // Texts first, then the shards, the index last. Then removes what an older run left: the shards
  // of another count, the index of an unsharded model, the single file of a sharded one.
  void commit();

 private:
  std::filesystem::path folder_;
  std::vector<std::unique_ptr<AtomicFile>> texts_;
  std::vector<std::unique_ptr<SafetensorsWriter>> shards_;
  std::unique_ptr<AtomicFile> index_;       // null unless sharded
  std::map<std::string, size_t> shard_of_;  // by tensor name
  std::set<std::string> names_;             // of shards and index
};

// Whether FolderWriter writes or removes a file of this name in a folder that it writes.
bool is_folder_file(const std::string& name);

// Removes a file that an earlier run left, if it is there. Throws Error(kMachine) if that fails.
void remove_old_file(const std::filesystem::path& path);

}  // namespace isomerge
