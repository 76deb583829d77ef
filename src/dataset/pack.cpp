#include "dataset/pack.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"

namespace isomerge {

Pack::Pack(std::filesystem::path path)
    : file_(std::move(path)), header_(read_pack_header(file_.path().string(), file_.bytes())) {
  for (int64_t i = 0; i < count(); ++i) {
    if (label(i) >= class_count()) {
      throw input_error(fmt::format("{}: label of example {}: expected 0 to {}, got {}",
                                    file_.path().string(), i, class_count() - 1, label(i)));
    }
  }
}

void Pack::verify() const {
  if (*verified_) return;
  const auto payload = file_.bytes().subspan(header_.layout.images_offset);
  const std::string found = Hasher().update(payload.data(), payload.size()).digest();
  if (found != header_.checksum) {
    throw input_error(
        fmt::format("{}: expected checksum {} (as in its header), got {}; the file was damaged",
                    file_.path().string(), header_.checksum, found));
  }
  *verified_ = true;
}

Image Pack::image(int64_t index) const {
  const auto bytes = static_cast<uint64_t>(channels() * height() * width());
  const auto image = file_.bytes().subspan(
      header_.layout.images_offset + static_cast<uint64_t>(index) * bytes, bytes);
  return {channels(),
          height(),
          width(),
          {reinterpret_cast<const uint8_t*>(image.data()), image.size()},
          {}};
}

int64_t Pack::label(int64_t index) const {
  const auto bytes =
      file_.bytes().subspan(header_.layout.labels_offset + 2 * static_cast<uint64_t>(index), 2);
  return std::to_integer<int64_t>(bytes[0]) | (std::to_integer<int64_t>(bytes[1]) << 8);
}

}  // namespace isomerge
