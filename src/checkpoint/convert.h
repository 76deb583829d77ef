// checkpoint/convert.h -- any checkpoint to any format that can be written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"

namespace isomerge {

struct ConvertOptions {
  std::optional<at::ScalarType> dtype;           // of floating tensors; default: as they are
  std::optional<uint64_t> shard_bytes;           // folders only
  std::optional<std::filesystem::path> program;  // TorchScript only; default: the input's own
};

struct ConvertSummary {
  std::filesystem::path out;  // the file, or the folder
  Format format = Format::kSafetensors;
  size_t tensors = 0;
  uint64_t bytes = 0;  // of the tensors, as written
};

// Writes the tensors of `in` to `out`, one at a time, with the metadata of `in`:
//   *.safetensors            one file;
//   a folder (or "name/")    model.safetensors or shards, with the config.json that lies beside
//                            `in`, and a README.md unless there is one;
//   *.pt, *.pth, *.ts        a TorchScript archive: the program with these weights, in its dtypes.
// Throws Error(kInput) if the output would replace a file that is read, an option does not fit the
// output, the layout does not fit the program, or a value does not fit the dtype. Nothing appears
// before it is complete. Memory: one tensor.
ConvertSummary convert_checkpoint(const Checkpoint& in, const std::filesystem::path& out,
                                  const ConvertOptions& options);

}  // namespace isomerge
