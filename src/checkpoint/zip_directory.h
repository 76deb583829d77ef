// checkpoint/zip_directory.h -- where the members of a zip archive lie.
//
// PyTorch's archives store tensors uncompressed, so that they can be read in place. This reads the
// central directory only (zip64 included) and refuses everything that does not fit.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/file.h"

namespace isomerge {

struct ZipMember {
  uint64_t offset = 0;         // of its first byte in the file
  uint64_t bytes = 0;          // in the file
  uint64_t full_bytes = 0;     // what the directory says it is uncompressed
  bool is_compressed = false;  // only the program text of a TorchScript module is
};

// Members by name. Throws Error(kInput) on: no end record (a download cut short), offsets beyond
// the file, encrypted members, duplicate names, members that share bytes of the file.
std::map<std::string, ZipMember> read_zip_directory(const InputFile& file);

}  // namespace isomerge
