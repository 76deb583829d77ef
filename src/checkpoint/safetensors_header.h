// checkpoint/safetensors_header.h -- the header of the safetensors format: 8 bytes little-endian
// header length, JSON {name: {dtype, shape, data_offsets}}, then the tensors' bytes without holes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "checkpoint/checkpoint.h"

namespace isomerge {

struct SafetensorsHeader {
  std::vector<TensorPlace> places;
  std::map<std::string, std::string> metadata;
};

// Reads and checks the header. Throws Error(kInput) on: a header longer than the file, text that is
// not the expected JSON, unknown dtypes, duplicate names, sizes that overflow, offsets that leave
// the file (unless its data may be missing), overlap or leave holes, byte counts that do not fit
// dtype and shape.
SafetensorsHeader read_safetensors_header(const InputFile& file,
                                          TensorData data = TensorData::kRequired);

// The JSON text for these tensors, in their order, padded with blanks to a multiple of 8 bytes.
// Throws Error(kInput) on a dtype or name that the format cannot hold.
std::string safetensors_header_text(const std::vector<TensorInfo>& tensors,
                                    const std::map<std::string, std::string>& metadata);

}  // namespace isomerge
