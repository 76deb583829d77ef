// dataset/example_reader.h -- ExampleReader: chosen examples of a set as normalised images.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "dataset/image_set.h"
#include "dataset/preprocessing.h"

namespace isomerge {

// One example of a set, its image moved by so many pixels; what moves in is the edge, repeated.
struct Example {
  int64_t index = 0;  // within the set
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
  // `set` must outlive the reader.
  // throws  Error(kInput): mean or std not finite, std <= 0; resize or crop < 0.
  ExampleReader(const ImageSet& set, const Preprocessing& preprocessing);

  // The examples in the order given; `first` stays 0. Cost: decoding and resizing, where there is
  // any, and one table look-up per pixel.
  // throws  Error(kInput): what ImageSet::image() throws; images that come out in other sizes than
  //         the first.
  Batch read(std::span<const Example> examples) const;

 private:
  float* write(const Image& image, const Example& example, float* out) const;

  const ImageSet& set_;
  Preprocessing preprocessing_;
  // The normalised value of every byte, per colour: as exact as computing it, and several times
  // faster.
  std::array<std::array<float, 256>, 3> table_;
};

}  // namespace isomerge
