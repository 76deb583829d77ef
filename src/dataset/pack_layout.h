// dataset/pack_layout.h -- where the parts of a packed dataset lie in its file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace isomerge {

// Offsets count from the start of the file. The payload, which the checksum covers, is everything
// from the first image to the end of the file.
struct PackLayout {
  uint64_t images_offset = 0;
  uint64_t images_bytes = 0;
  uint64_t labels_offset = 0;
  uint64_t labels_bytes = 0;
};

// The magic, which a pack begins with; where its header begins; what header, images and labels are
// padded to a multiple of.
inline constexpr std::string_view kPackMagic = "ISOPACK1";
inline constexpr uint64_t kPackHeaderOffset = 16, kPackAlignment = 64;

// The JSON text between the first 16 bytes (magic, length) and the payload, padding included.
// throws  Error(kInput): not a pack, or the header is cut off or not padded.
std::string_view pack_header_text(const std::string& label, std::span<const std::byte> file);

// The one layout that a pack of such images can have.
// shape   [count, channels, height, width], each >= 1
// file    all its bytes; pack_header_text() has accepted it
// throws  Error(kInput) unless images, padding and labels fill the file to its last byte.
PackLayout require_pack_layout(const std::string& label, std::span<const std::byte> file,
                               const std::vector<int64_t>& shape);

}  // namespace isomerge
