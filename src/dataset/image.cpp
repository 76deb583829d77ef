#include "dataset/image.h"

#include <array>
#include <limits>

#include <dlfcn.h>
#include <fmt/format.h>

#include "base/error.h"
#include "dataset/image_codec.h"
#include "dataset/image_header.h"

namespace isomerge {
namespace {

struct Codec {
  isomerge_decode_image_t decode = nullptr;
  std::string why_not;
};

// Found beside the program, where it was built, or in ../lib, where it was installed (run path).
Codec load_codec() {
  void* library = ::dlopen("libisomerge_image.so", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {nullptr, ::dlerror()};
  Codec codec;
  codec.decode =
      reinterpret_cast<isomerge_decode_image_t>(::dlsym(library, "isomerge_decode_image"));
  if (codec.decode == nullptr) codec.why_not = "libisomerge_image.so is of another version";
  return codec;
}

const Codec& require_codec(const std::string& label) {
  static const Codec codec = load_codec();
  if (codec.decode != nullptr) return codec;
  throw input_error(
      fmt::format("{}: this program decodes no image files, only packs: {} (built without OpenCV?)",
                  label, codec.why_not));
}

uint8_t* make_room(void* receiver, int64_t height, int64_t width) {
  Image& image = *static_cast<Image*>(receiver);
  image = black_image(3, height, width);
  return image.own->data();
}

}  // namespace

Image black_image(int64_t channels, int64_t height, int64_t width) {
  auto own = std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(channels * height * width));
  return {channels, height, width, *own, own};
}

Image decode_image(std::span<const std::byte> bytes, const std::string& label) {
  if (bytes.empty()) throw input_error(label + ": expected an image, the file is empty");
  const ImageHeader header = read_image_header(bytes);
  if (header.pixels && *header.pixels > kMostPixels) {
    throw input_error(fmt::format("{}: expected an image of at most {} pixels, it declares {}",
                                  label, kMostPixels, *header.pixels));
  }
  if (header.is_cut_off) throw input_error(label + ": the image is cut off");
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    throw input_error(label + ": expected an image, the file is larger than 2 GiB");
  }
  const Codec& codec = require_codec(label);
  Image image;
  std::array<char, 512> message{};
  const int outcome = codec.decode(reinterpret_cast<const unsigned char*>(bytes.data()),
                                   bytes.size(), make_room, &image, message.data(), message.size());
  if (outcome == 0) return image;
  throw input_error(outcome == 1
                        ? label +
                              ": not an image that OpenCV can read (JPEG, PNG, PPM, BMP, TIFF, "
                              "WebP), or damaged"
                        : fmt::format("{}: cannot be decoded: {}", label, message.data()));
}

}  // namespace isomerge
