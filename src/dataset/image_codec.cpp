// Built as libisomerge_image.so; see image_codec.h.
#include "dataset/image_codec.h"

#include <cstdio>
#include <exception>
#include <vector>

#include <opencv2/imgcodecs.hpp>

extern "C" __attribute__((visibility("default"))) int isomerge_decode_image(
    const unsigned char* bytes, size_t size, isomerge_image_room room, void* receiver,
    char* message, size_t message_size) {
  try {
    const cv::Mat file(1, static_cast<int>(size), CV_8UC1, const_cast<unsigned char*>(bytes));
    const cv::Mat image = cv::imdecode(file, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
    if (image.empty()) return 1;
    const auto plane = static_cast<size_t>(image.rows) * static_cast<size_t>(image.cols);
    uint8_t* const red = room(receiver, image.rows, image.cols);
    size_t at = 0;
    for (int y = 0; y < image.rows; ++y) {
      const uint8_t* row = image.ptr<uint8_t>(y);  // blue, green, red
      for (int x = 0; x < image.cols; ++x, ++at, row += 3) {
        red[at] = row[2];
        red[plane + at] = row[1];
        red[2 * plane + at] = row[0];
      }
    }
    return 0;
  } catch (const std::exception& error) {
    std::snprintf(message, message_size, "%s", error.what());
    return 2;
  }
}
