// checkpoint/convert.h -- any checkpoint to any format that can be written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"
#include "checkpoint/clip_names.h"

namespace isomerge {

struct ConvertOptions {
  std::optional<at::ScalarType> dtype;           // of floating tensors; default: as they are
  std::optional<uint64_t> shard_bytes;           // folders only
  std::optional<std::filesystem::path> program;  // TorchScript only; default: the input's own
  std::optional<Naming> names;                   // of CLIP; default: as they are
  std::string prefix;                            // of OpenCLIP's names, with `names`
};

struct ConvertSummary {
  std::filesystem::path out;  // the file, or the folder
  Format format = Format::kSafetensors;
  size_t tensors = 0;
  uint64_t bytes = 0;                 // of the tensors, as written
  std::vector<std::string> left_out;  // RenamedCheckpoint::left_out()
};

// Writes the tensors of `in` to `out`, one at a time, with the metadata of `in`:
//   *.safetensors            one file;
//   a folder (or "name/")    model.safetensors or shards, with the config.json that lies beside
//                            `in` (not under other names: it is another library's), and a
//                            README.md unless there is one;
//   *.pt, *.pth, *.ts        a TorchScript archive: the program with these weights, in its dtypes.
// Throws Error(kInput) if the output would replace a file that is read, an option does not fit the
// output, the layout does not fit the program, a value does not fit the dtype, or a tensor has no
// counterpart under the names that are asked for (checkpoint/renamed_checkpoint.h). Nothing appears
// before it is complete. Memory: one tensor.
ConvertSummary convert_checkpoint(const Checkpoint& in, const std::filesystem::path& out,
                                  const ConvertOptions& options);

}  // namespace isomerge
