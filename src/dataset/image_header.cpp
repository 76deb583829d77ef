#include "dataset/image_header.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace isomerge {
namespace {

using Bytes = std::span<const std::byte>;

int64_t big_endian(Bytes bytes, size_t at, size_t count) {
  int64_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | std::to_integer<int64_t>(bytes[at + i]);
  return value;
}

bool starts_with(Bytes bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

bool contains(Bytes bytes, std::string_view wanted) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.find(wanted) != std::string_view::npos;
}

// Start of frame: every marker FFC0 to FFCF but the tables C4, C8 and CC.
bool is_frame(int64_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

// Segments up to the frame's: marker (two bytes), length (two bytes, itself included), content.
ImageHeader read_jpeg(Bytes bytes) {
  ImageHeader header{ImageHeader::Kind::kJpeg, {}, true};
  for (size_t at = 2; at + 9 <= bytes.size();) {
    if (big_endian(bytes, at, 1) != 0xFF) break;
    const int64_t marker = big_endian(bytes, at + 1, 1);
    if (marker == 0xFF) {  // a fill byte
      ++at;
      continue;
    }
    if (is_frame(marker)) {
      header.pixels = big_endian(bytes, at + 5, 2) * big_endian(bytes, at + 7, 2);
      header.is_cut_off = !contains(bytes.subspan(at), "\xFF\xD9");
      break;
    }
    at += 2 + static_cast<size_t>(std::max<int64_t>(big_endian(bytes, at + 2, 2), 2));
  }
  return header;
}

// The first chunk is IHDR: length, name, width, height.
ImageHeader read_png(Bytes bytes) {
  ImageHeader header{ImageHeader::Kind::kPng, {}, true};
  constexpr size_t kSize = 16;
  if (bytes.size() < kSize + 8) return header;
  const int64_t width = big_endian(bytes, kSize, 4), height = big_endian(bytes, kSize + 4, 4);
  header.pixels = height > 0 && width > INT64_MAX / height ? INT64_MAX : width * height;
  header.is_cut_off = !contains(bytes.subspan(kSize), "IEND\xAE\x42\x60\x82");
  return header;
}

}  // namespace

ImageHeader read_image_header(Bytes bytes) {
  using namespace std::string_view_literals;
  if (starts_with(bytes, "\xFF\xD8\xFF"sv)) return read_jpeg(bytes);
  if (starts_with(bytes, "\x89PNG\r\n\x1A\n"sv)) return read_png(bytes);
  return {};
}

}  // namespace isomerge
