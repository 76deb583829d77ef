// checkpoint/archive.h -- PyTorch zip archives (TorchScript modules): their weights, in and out,
// without running the program they hold.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace isomerge {

// The tensors of a TorchScript module by dotted attribute name ("visual.proj"). Throws
// Error(kInput) on a damaged archive, a pickle that is not plain data, a view beyond its storage.
std::vector<TensorPlace> read_archive_places(const InputFile& file);

// Writes a copy of the archive `pattern` in which every tensor of `pattern` is replaced by
// `weight(name)` (its shape, converted to the dtype that `pattern` has). The program, its constants
// and extra files are copied as they are. Appears only when complete. Two names that share one
// storage must receive equal values: Error(kInput) otherwise.
void write_archive(const std::filesystem::path& out, const Checkpoint& pattern,
                   const std::function<at::Tensor(const std::string& name)>& weight);

}  // namespace isomerge
