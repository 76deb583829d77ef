// checkpoint/archive.h -- writing TorchScript archives: a program with other weights, without
// running it.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "checkpoint/checkpoint.h"

namespace isomerge {

// Writes a copy of the TorchScript archive `pattern` in which every tensor of `pattern` is replaced
// by `weight(name)` (its shape, converted to the dtype that `pattern` has). The program, its
// constants and extra files are copied as they are. Appears only when complete. Throws
// Error(kInput) if two names that share storage receive different values, a value does not fit the
// dtype, or the program text would be larger than 256 MiB. Memory: one storage and one weight.
void write_archive(const std::filesystem::path& out, const Checkpoint& pattern,
                   const std::function<at::Tensor(const std::string& name)>& weight);

}  // namespace isomerge
