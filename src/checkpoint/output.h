// checkpoint/output.h -- where a checkpoint is written to: a file or a folder, by its name.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/folder_writer.h"
#include "checkpoint/safetensors.h"

namespace isomerge {

// Metadata of a merged checkpoint that says what it holds.
inline const std::string kContentKey = "isomerge.content";
inline const std::string kContentModel = "model";
inline const std::string kContentUpdate = "merged update";

enum class OutputKind {
  kSafetensors,  // *.safetensors
  kFolder,       // a folder that is there, or "name/"
  kTorchScript   // *.pt, *.pth, *.ts
};

// Throws Error(kInput) on any other name.
OutputKind output_kind(const std::filesystem::path& out);

// Throws Error(kInput) if writing `out` would replace one of the files that are read.
void require_not_an_input(const std::filesystem::path& out, OutputKind kind,
                          const std::vector<std::filesystem::path>& inputs);

// What belongs into a folder beside the tensors: the config.json that lies beside `pattern`, and
// `card` as README.md unless the folder has one.
FolderOptions folder_beside(const std::filesystem::path& out, const Checkpoint& pattern,
                            uint64_t shard_bytes, const std::string& card);

// The common interface of SafetensorsWriter and FolderWriter.
class StreamedOutput {
 public:
  // kind is not kTorchScript; `folder` is for kFolder.
  StreamedOutput(const std::filesystem::path& out, OutputKind kind,
                 const std::vector<TensorInfo>& tensors,
                 const std::map<std::string, std::string>& metadata, const FolderOptions& folder);

  void write(const std::string& name, const at::Tensor& entries);
  void set_metadata(const std::string& key, const std::string& value);
  void commit();

 private:
  std::variant<std::monostate, SafetensorsWriter, FolderWriter> writer_;
};

}  // namespace isomerge
