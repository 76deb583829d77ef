// dataset/image.h -- one image, decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace isomerge {

// Pixels by planes: uint8 [channels, height, width], red, green, blue or gray alone.
struct Image {
  int64_t channels = 0, height = 0, width = 0;
  std::span<const uint8_t> pixels;                 // of `own`, or of a file that is mapped
  std::shared_ptr<std::vector<uint8_t>> own = {};  // shared by copies
};

// A black one, whose pixels are image.own->data().
Image black_image(int64_t channels, int64_t height, int64_t width);

// The image of a file, three channels, as PIL's open(file).convert("RGB") has it: EXIF orientation
// is ignored, gray and palettes become colours, alpha is dropped. JPEG, PNG, PPM, BMP, TIFF, WebP,
// by OpenCV. Of PNG with 16 bits per channel the upper eight are taken, where PIL clips.
//
// bytes   the whole file.
// label   its path, for messages.
// throws  Error(kInput): no image, one that is cut off, one of more than kMostPixels; a program
//         built without OpenCV.
Image decode_image(std::span<const std::byte> bytes, const std::string& label);

// PIL refuses larger ones as well (twice Image.MAX_IMAGE_PIXELS): a file of a few bytes can declare
// any size.
inline constexpr int64_t kMostPixels = 178'956'970;

}  // namespace isomerge
