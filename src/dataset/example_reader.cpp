#include "dataset/example_reader.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {

ExampleReader::ExampleReader(const Pack& pack, const Normalisation& normalisation) : pack_(pack) {
  for (size_t c = 0; c < table_.size(); ++c) {
    const auto mean = static_cast<float>(normalisation.mean[c]);
    const auto deviation = static_cast<float>(normalisation.std[c]);
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

// Writes one colour [height, width] to `out`; returns its end.
float* ExampleReader::read_plane(std::span<const uint8_t> pixels, const Example& example,
                                 size_t channel, float* out) const {
  const int64_t height = pack_.height(), width = pack_.width();
  for (int64_t y = 0; y < height; ++y) {
    const int64_t from = std::clamp<int64_t>(y - example.down, 0, height - 1);
    const uint8_t* const row = pixels.data() + from * width;
    for (int64_t x = 0; x < width; ++x) {
      *out++ = table_[channel][row[std::clamp<int64_t>(x - example.right, 0, width - 1)]];
    }
  }
  return out;
}

Batch ExampleReader::read(std::span<const Example> examples) const {
  Batch batch;
  batch.images = at::empty(
      {static_cast<int64_t>(examples.size()), 3, pack_.height(), pack_.width()}, at::kFloat);
  float* out = batch.images.mutable_data_ptr<float>();
  const auto plane = static_cast<size_t>(pack_.height() * pack_.width());
  for (const Example& example : examples) {
    const auto image = pack_.image(example.index);
    for (size_t c = 0; c < table_.size(); ++c) {
      const size_t stored = pack_.channels() == 1 ? 0 : c;
      out = read_plane(image.subspan(stored * plane, plane), example, c, out);
    }
    batch.labels.push_back(pack_.label(example.index));
  }
  return batch;
}

}  // namespace isomerge
