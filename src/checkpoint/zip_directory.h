// checkpoint/zip_directory.h -- where the members of an uncompressed zip archive lie.
//
// PyTorch's archives store every member uncompressed, so that tensors can be read in place. This
// reads the central directory only (zip64 included) and refuses everything that does not fit.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/file.h"

namespace isomerge {

struct ZipMember {
  uint64_t offset = 0;  // of its first byte in the file
  uint64_t bytes = 0;
};

// Members by name. Throws Error(kInput) on: no end record (a download cut short), offsets beyond
// the file, compressed or encrypted members, several disks, duplicate names.
std::map<std::string, ZipMember> read_zip_directory(const InputFile& file);

}  // namespace isomerge
