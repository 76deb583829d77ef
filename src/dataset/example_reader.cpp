#include "dataset/example_reader.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {

ExampleReader::ExampleReader(const ImageSet& set, const Preprocessing& preprocessing)
    : set_(set), preprocessing_(preprocessing) {
  if (preprocessing.resize < 0 || preprocessing.crop < 0) {
    throw input_error(fmt::format("expected a size to resize or crop to of at least 0, got {}",
                                  std::min(preprocessing.resize, preprocessing.crop)));
  }
  for (size_t c = 0; c < table_.size(); ++c) {
    const auto mean = static_cast<float>(preprocessing.mean[c]);
    const auto deviation = static_cast<float>(preprocessing.std[c]);
    if (!(std::isfinite(mean) && std::isfinite(deviation) && deviation > 0.0f)) {
      throw input_error(
          fmt::format("normalisation of channel {}: expected a finite mean and a "
                      "standard deviation above 0, got {} and {}",
                      c, mean, deviation));
    }
    for (size_t value = 0; value < table_[c].size(); ++value) {
      table_[c][value] = (static_cast<float>(value) / 255.0f - mean) / deviation;
    }
  }
}

// Three colours [height, width] to `out`; returns their end.
float* ExampleReader::write(const Image& image, const Example& example, float* out) const {
  const int64_t height = image.height, width = image.width;
  for (size_t c = 0; c < table_.size(); ++c) {
    const int64_t stored = image.channels == 1 ? 0 : static_cast<int64_t>(c);
    const uint8_t* const plane = image.pixels.data() + stored * height * width;
    for (int64_t y = 0; y < height; ++y) {
      const uint8_t* const row =
          plane + std::clamp<int64_t>(y - example.down, 0, height - 1) * width;
      for (int64_t x = 0; x < width; ++x) {
        *out++ = table_[c][row[std::clamp<int64_t>(x - example.right, 0, width - 1)]];
      }
    }
  }
  return out;
}

Batch ExampleReader::read(std::span<const Example> examples) const {
  Batch batch;
  float* out = nullptr;
  for (const Example& example : examples) {
    const Image image = prepare(set_.image(example.index), preprocessing_);
    if (out == nullptr) {
      batch.images = at::empty(
          {static_cast<int64_t>(examples.size()), 3, image.height, image.width}, at::kFloat);
      out = batch.images.mutable_data_ptr<float>();
    } else if (image.height != batch.images.size(2) || image.width != batch.images.size(3)) {
      throw input_error(fmt::format(
          "{}: example {} has {} x {} pixels, another {} x {}; \"resize\" and \"crop\" of the "
          "suite's preprocessing make them equal",
          set_.path().string(), example.index, image.height, image.width, batch.images.size(2),
          batch.images.size(3)));
    }
    out = write(image, example, out);
    batch.labels.push_back(set_.label(example.index));
  }
  return batch;
}

}  // namespace isomerge
