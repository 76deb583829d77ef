// checkpoint/shard_index.h -- the index.json of a checkpoint in several files, as HuggingFace
// writes it: {"metadata": {"total_size": bytes}, "weight_map": {tensor name: file name}}.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"

namespace isomerge {

using WeightMap = std::map<std::string, std::string>;  // tensor name -> file name beside the index

// Throws Error(kInput) on text that is not that JSON, a name twice, no tensors, a file that is not
// named plainly ("../x"), an index of more than 100 MB.
WeightMap read_shard_index(const InputFile& file);

// What read_shard_index() reads.
std::string shard_index_text(const WeightMap& map, uint64_t total_bytes);

// The file names in the map, each once, sorted.
std::vector<std::string> shards_of(const WeightMap& map);

}  // namespace isomerge
