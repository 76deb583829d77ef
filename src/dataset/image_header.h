// dataset/image_header.h -- what the first bytes of an image file say, before anything is decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace isomerge {

struct ImageHeader {
  enum class Kind { kJpeg, kPng, kOther };
  Kind kind = Kind::kOther;
  // Of JPEG and PNG; nothing if the header breaks off before it says so.
  std::optional<int64_t> pixels;
  // JPEG: no end marker after the picture. PNG: no IEND chunk at the end.
  bool is_cut_off = false;
};

// bytes: the whole file. Never fails: what is no image is kOther.
ImageHeader read_image_header(std::span<const std::byte> bytes);

}  // namespace isomerge
