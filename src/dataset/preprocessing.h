// dataset/preprocessing.h -- from an image to what the encoder looks at, before normalisation.
#pragma once

#include <array>
#include <cstdint>

#include "dataset/image.h"

namespace isomerge {

// As torchvision's Resize(resize, bicubic), CenterCrop(crop), ToTensor and Normalize(mean, std)
// over PIL images.
struct Preprocessing {
  int64_t resize = 0;  // the shorter side becomes this long; 0: as it is
  int64_t crop = 0;    // the square in the middle; 0: everything
  // A pixel p in 0..255 of channel c becomes (p / 255 - mean[c]) / std[c], in fp32 arithmetic and
  // in this order. One entry each for red, green, blue.
  std::array<double, 3> mean = {0.0, 0.0, 0.0};
  std::array<double, 3> std = {1.0, 1.0, 1.0};
};

// Resized and cropped. The longer side is rounded down; a side shorter than the crop is padded with
// zeros. An image that needs neither is handed on.
Image prepare(Image image, const Preprocessing& how);

}  // namespace isomerge
