#include "dataset/resample.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace isomerge {
namespace {

constexpr int kBits = 32 - 8 - 2;  // of a weight's fraction: a byte, a sign and overshoot fit above
constexpr double kSupport = 2.0;

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

// What of a line goes into one of its new pixels: weights[i] of the old pixel first + i.
struct Window {
  int64_t first = 0;
  std::vector<int32_t> weights;
};

std::vector<Window> windows_of(int64_t in, int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0), support = kSupport * stretch;
  std::vector<Window> windows(static_cast<size_t>(out));
  std::vector<double> weights;
  for (int64_t x = 0; x < out; ++x) {
    const double centre = (static_cast<double>(x) + 0.5) * scale;
    // Conversions cut towards zero.
    const auto first = std::max<int64_t>(static_cast<int64_t>(centre - support + 0.5), 0);
    const auto end = std::min<int64_t>(static_cast<int64_t>(centre + support + 0.5), in);
    weights.clear();
    double sum = 0.0;
    for (int64_t i = first; i < end; ++i) {
      weights.push_back(cubic((static_cast<double>(i) - centre + 0.5) * (1.0 / stretch)));
      sum += weights.back();
    }
    Window& window = windows[static_cast<size_t>(x)];
    window.first = first;
    for (const double weight : weights) {
      const double share = (sum == 0.0 ? weight : weight / sum) * (1 << kBits);
      window.weights.push_back(static_cast<int32_t>(share + (share < 0.0 ? -0.5 : 0.5)));
    }
  }
  return windows;
}

uint8_t byte_of(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kBits, 0, 255)); }

// [rows, in] -> [rows, windows.size()].
std::vector<uint8_t> resize_rows(const uint8_t* from, int64_t rows, int64_t in,
                                 const std::vector<Window>& windows) {
  std::vector<uint8_t> out(static_cast<size_t>(rows) * windows.size());
  uint8_t* to = out.data();
  for (int64_t y = 0; y < rows; ++y, from += in) {
    for (const Window& window : windows) {
      int32_t sum = 1 << (kBits - 1);
      const uint8_t* pixel = from + window.first;
      for (const int32_t weight : window.weights) sum += weight * *pixel++;
      *to++ = byte_of(sum);
    }
  }
  return out;
}

// [windows' input, width] -> [windows.size(), width]; a line at a time, which compilers vectorise.
void resize_columns(const uint8_t* from, int64_t width, const std::vector<Window>& windows,
                    uint8_t* to) {
  std::vector<int32_t> sums(static_cast<size_t>(width));
  for (const Window& window : windows) {
    std::fill(sums.begin(), sums.end(), 1 << (kBits - 1));
    const uint8_t* line = from + window.first * width;
    for (const int32_t weight : window.weights) {
      for (size_t x = 0; x < sums.size(); ++x) sums[x] += weight * line[x];
      line += width;
    }
    for (const int32_t sum : sums) *to++ = byte_of(sum);
  }
}

}  // namespace

Image resize_bicubic(const Image& image, int64_t height, int64_t width) {
  Image out = black_image(image.channels, height, width);
  const auto plane = static_cast<size_t>(height * width);
  const std::vector<Window> columns = windows_of(image.width, width);
  const std::vector<Window> rows = windows_of(image.height, height);
  for (int64_t c = 0; c < image.channels; ++c) {
    const uint8_t* from = image.pixels.data() + c * image.height * image.width;
    std::vector<uint8_t> narrow;
    if (width != image.width) {
      narrow = resize_rows(from, image.height, image.width, columns);
      from = narrow.data();
    }
    uint8_t* const to = out.own->data() + static_cast<size_t>(c) * plane;
    if (height != image.height) {
      resize_columns(from, width, rows, to);
    } else {
      std::copy_n(from, plane, to);
    }
  }
  return out;
}

}  // namespace isomerge
