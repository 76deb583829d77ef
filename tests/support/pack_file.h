// support/pack_file.h -- packed datasets written by the tests, from data/README.md and not from the
// reader, so that the two can disagree.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace isomerge {

struct PackFile {
  std::string name = "shapes";
  std::vector<std::string> classes = {"disc", "square", "star"};
  int64_t count = 10, channels = 1, height = 2, width = 3;
  std::vector<std::pair<std::string, std::pair<int64_t, int64_t>>> splits = {{"val", {0, 3}},
                                                                             {"test", {3, 10}}};
  std::vector<uint8_t> images;   // empty: pixel i of the file is 7 * i + 1 modulo 256
  std::vector<uint16_t> labels;  // empty: example i has label i modulo the number of classes

  // The header's JSON can be changed before it is written: every `first` becomes `second`.
  std::vector<std::pair<std::string, std::string>> edits;

  std::string bytes() const;  // of the whole file
};

// The first 16 bytes and the header, padded, for a payload that is not written (sparse files).
std::string pack_header_bytes(const PackFile& pack, const std::string& checksum);

}  // namespace isomerge
