// checkpoint/file_set.h -- which files a checkpoint consists of, and what lies where in them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "checkpoint/checkpoint.h"

namespace isomerge {

struct FileSet {
  Format format = Format::kSafetensors;
  std::vector<InputFile> files;     // those with tensors; one, or the shards in the order of names
  std::vector<TensorPlace> places;  // by (file, offset)
  std::map<std::string, std::string> metadata;
};

// Opens what Checkpoint(path) takes: a file, an index, a folder. Throws Error(kInput) naming all
// shards that are missing, or all tensors that are not where the index says.
FileSet open_file_set(const std::filesystem::path& path, TensorData data);

}  // namespace isomerge
