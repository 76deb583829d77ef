#include "dataset/preprocessing.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "dataset/resample.h"

namespace isomerge {
namespace {

Image resized(Image image, int64_t size) {
  const int64_t shorter = std::min(image.height, image.width);
  if (shorter == size) return image;
  const auto scaled = [&](int64_t side) {  // in floating point, as torchvision does
    return side == shorter ? size
                           : static_cast<int64_t>(static_cast<double>(size * side) /
                                                  static_cast<double>(shorter));
  };
  return resize_bicubic(image, scaled(image.height), scaled(image.width));
}

// Where a crop of `size` begins; below zero where it needs padding. Halves go to the even number,
// as Python's round() has it; padding takes the smaller half first.
int64_t begin_of(int64_t side, int64_t size) {
  if (side < size) return -((size - side) / 2);
  return static_cast<int64_t>(std::nearbyint(static_cast<double>(side - size) / 2.0));
}

Image cropped(Image image, int64_t size) {
  if (image.height == size && image.width == size) return image;
  const int64_t top = begin_of(image.height, size), left = begin_of(image.width, size);
  Image out = black_image(image.channels, size, size);
  const int64_t first = std::max<int64_t>(-left, 0), begin = std::max<int64_t>(left, 0);
  const int64_t count = std::min(size - first, image.width - begin);
  for (int64_t c = 0; c < image.channels; ++c) {
    for (int64_t y = 0; y < size; ++y) {
      const int64_t from = y + top;
      if (from < 0 || from >= image.height) continue;
      std::copy_n(image.pixels.data() + (c * image.height + from) * image.width + begin, count,
                  out.own->data() + (c * size + y) * size + first);
    }
  }
  return out;
}

}  // namespace

Image prepare(Image image, const Preprocessing& how) {
  if (how.resize > 0) image = resized(std::move(image), how.resize);
  if (how.crop > 0) image = cropped(std::move(image), how.crop);
  return image;
}

}  // namespace isomerge
