// dataset/pack_header.h -- what the header of a packed dataset says, once it has been believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataset/image_set.h"
#include "dataset/pack_layout.h"

namespace isomerge {

struct PackHeader {
  std::string name;
  std::vector<std::string> classes;
  int64_t count = 0, channels = 0, height = 0, width = 0;  // of the images, all >= 1
  std::vector<Split> splits;                               // by first example; disjoint
  PackLayout layout;
  std::string checksum;  // XXH3-128 of the payload
};

// Reads the header of a pack that is `file` from its first to its last byte, and checks it against
// itself and against the size of the file; images and labels are not looked at.
// label   the path, for messages.
// throws  Error(kInput): what was expected and what was found.
PackHeader read_pack_header(const std::string& label, std::span<const std::byte> file);

}  // namespace isomerge
