// dataset/resample.h -- bicubic resizing with antialiasing, byte for byte as Pillow does it.
#pragma once

#include <cstdint>

#include "dataset/image.h"

namespace isomerge {

// The image with `height` x `width` pixels.
//
// Cubic convolution with a = -0.5 (Keys 1981), its support stretched by the scale where the image
// shrinks; weights in fixed point of 22 bits, rows first, each pass rounded to bytes. That is
// Image.resize(size, BICUBIC) of Pillow for modes L and RGB, which torchvision's Resize calls.
//
// image   all sides >= 1; height, width >= 1.
// cost    per pixel and pass about 4 scale multiplications, scale = max(in / out, 1).
Image resize_bicubic(const Image& image, int64_t height, int64_t width);

}  // namespace isomerge
