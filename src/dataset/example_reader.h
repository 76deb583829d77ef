// dataset/example_reader.h -- ExampleReader: chosen examples of a pack as normalised images.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "dataset/pack.h"

namespace isomerge {

// A pixel p in 0..255 of channel c becomes (p / 255 - mean[c]) / std[c], in fp32 arithmetic and in
// this order (as torchvision's ToTensor and Normalize). One entry each for red, green, blue.
struct Normalisation {
  std::array<double, 3> mean = {0.0, 0.0, 0.0};
  std::array<double, 3> std = {1.0, 1.0, 1.0};
};

// One example of a pack, its image moved by so many pixels; what moves in is the edge, repeated.
struct Example {
  int64_t index = 0;  // within the pack
  int64_t down = 0, right = 0;
};

struct Batch {
  at::Tensor images;            // [B, 3, height, width] fp32, CPU; gray is repeated three times
  std::vector<int64_t> labels;  // [B]
  int64_t first = 0;            // position of the first example within the split, from 0
};

// Thread-safe.
class ExampleReader {
 public:
  // `pack` must outlive the reader.
  // throws  Error(kInput): mean or std not finite, std <= 0.
  ExampleReader(const Pack& pack, const Normalisation& normalisation);

  const Pack& pack() const { return pack_; }

  // The examples in the order given; `first` stays 0. Cost: one table look-up per pixel.
  Batch read(std::span<const Example> examples) const;

 private:
  float* read_plane(std::span<const uint8_t> pixels, const Example& example, size_t channel,
                    float* out) const;

  const Pack& pack_;
  // The normalised value of every byte, per colour: as exact as computing it, and several times
  // faster.
  std::array<std::array<float, 256>, 3> table_;
};

}  // namespace isomerge
