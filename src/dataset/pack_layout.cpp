#include "dataset/pack_layout.h"

#include <cstring>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {
std::string_view pack_header_text(const std::string& label, std::span<const std::byte> file) {
  if (file.size() < kPackHeaderOffset ||
      std::memcmp(file.data(), kPackMagic.data(), kPackMagic.size()) != 0) {
    throw input_error(fmt::format(
        "{}: not a packed dataset: expected \"{}\" and a length of 8 bytes at its start, "
        "got another file of {} bytes",
        label, kPackMagic, with_commas(file.size())));
  }
  uint64_t length = 0;
  for (size_t i = 0; i < 8; ++i) {
    length |= std::to_integer<uint64_t>(file[kPackMagic.size() + i]) << (8 * i);
  }
  if (length > file.size() - kPackHeaderOffset) {
    throw input_error(fmt::format(
        "{}: expected a header of {} bytes, got a file of {}; it is incomplete or damaged", label,
        with_commas(length), with_commas(file.size())));
  }
  if ((kPackHeaderOffset + length) % kPackAlignment != 0) {
    throw input_error(fmt::format("{}: expected the header to end at a multiple of {}, got byte {}",
                                  label, kPackAlignment, with_commas(kPackHeaderOffset + length)));
  }
  return {reinterpret_cast<const char*>(file.data()) + kPackHeaderOffset, length};
}

PackLayout require_pack_layout(const std::string& label, std::span<const std::byte> file,
                               const std::vector<int64_t>& shape) {
  PackLayout layout;
  layout.images_offset = kPackHeaderOffset + pack_header_text(label, file).size();
  layout.images_bytes = 1;
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(layout.images_bytes, static_cast<uint64_t>(size),
                               &layout.images_bytes)) {
      throw input_error(fmt::format("{}: header: images {} have more bytes than any file", label,
                                    shape_text(shape)));
    }
  }
  const uint64_t available = file.size() - layout.images_offset;
  const uint64_t excess = layout.images_bytes % kPackAlignment;
  const uint64_t padding = excess == 0 ? 0 : kPackAlignment - excess;
  const auto labels = static_cast<uint64_t>(shape[0]);  // at most as many as bytes of images
  // Once the images are known to fit the file, the sum cannot overflow.
  if (layout.images_bytes > available || layout.images_bytes + padding + 2 * labels != available) {
    throw input_error(fmt::format(
        "{}: expected {} bytes of images {}, padded to a multiple of {}, and {} labels of 2 bytes "
        "after the header, got {} bytes; the file is incomplete or damaged",
        label, with_commas(layout.images_bytes), shape_text(shape), kPackAlignment,
        with_commas(labels), with_commas(available)));
  }
  layout.labels_offset = layout.images_offset + layout.images_bytes + padding;
  layout.labels_bytes = 2 * labels;
  return layout;
}

}  // namespace isomerge
