// checkpoint/tensor_hash.h -- content hashes: of tensors, what they hold, not how a file stores it;
// of files, their bytes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "checkpoint/tensor_info.h"

namespace isomerge {

// XXH3-128 of shape, dtype and values; contiguous, CPU.
std::string tensor_hash(const at::Tensor& tensor);

// The same of all tensors and their names.
std::string weights_hash(const Weights& weights);

// hash_of_files() of a checkpoint's or an adapter's files: of a single one, its hash. Cost: reads
// all of them.
std::string files_hash(const std::vector<std::filesystem::path>& files);

}  // namespace isomerge
