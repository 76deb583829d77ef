#include "dataset/pack_writer.h"

#include <limits>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "dataset/pack_layout.h"

namespace isomerge {
namespace {

uint64_t padded(uint64_t bytes) {
  return (bytes + kPackAlignment - 1) / kPackAlignment * kPackAlignment;
}

// The header says where the images begin, which depends on its own length: a first guess at zero,
// then again until it stays.
std::string header_text(nlohmann::ordered_json header, uint64_t images_bytes) {
  uint64_t offset = 0;
  while (true) {
    header["images"]["offset"] = offset;
    header["labels"]["offset"] = padded(offset + images_bytes);
    std::string text = header.dump();
    const uint64_t needed = padded(kPackHeaderOffset + text.size());
    if (needed <= offset) {
      text.resize(offset - kPackHeaderOffset, ' ');
      return text;
    }
    offset = needed;
  }
}

nlohmann::ordered_json header_of(const ImageSet& set, const PackOptions& options,
                                 const Image& first) {
  nlohmann::ordered_json splits = nlohmann::ordered_json::object();
  for (const Split& split : set.splits()) splits[split.name] = {split.begin, split.end};
  const int64_t bytes = set.count() * first.channels * first.height * first.width;
  return {{"name", options.name},
          {"classes", set.classes()},
          {"count", set.count()},
          {"channels", first.channels},
          {"height", first.height},
          {"width", first.width},
          {"splits", splits},
          {"images", {{"offset", 0}, {"bytes", bytes}}},
          {"labels", {{"offset", 0}, {"bytes", 2 * set.count()}}},
          {"checksum", std::string(32, '0')},
          {"provenance", options.provenance}};
}

std::string little_endian(uint64_t value, size_t bytes) {
  std::string out;
  for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  return out;
}

// The payload, hashed on its way.
class Payload {
 public:
  explicit Payload(AtomicFile& file) : file_(file), begin_(file.written()) {}

  void write(const void* data, size_t bytes) {
    file_.write(data, bytes);
    hasher_.update(data, bytes);
  }
  void write(const std::string& text) { write(text.data(), text.size()); }
  void pad() {
    const uint64_t size = file_.written() - begin_;
    write(std::string(padded(size) - size, '\0'));
  }
  std::string digest() const { return hasher_.digest(); }

 private:
  AtomicFile& file_;
  uint64_t begin_;
  Hasher hasher_;
};

void require_same_size(const ImageSet& set, int64_t index, const Image& image, const Image& first) {
  if (image.channels == first.channels && image.height == first.height &&
      image.width == first.width) {
    return;
  }
  throw input_error(fmt::format(
      "{}: image {} has {} x {} pixels, the first {} x {}: a pack holds images of one size "
      "(--resize and --crop make them equal)",
      set.path().string(), index, image.height, image.width, first.height, first.width));
}

}  // namespace

void write_pack(const ImageSet& set, const PackOptions& options, const std::filesystem::path& out) {
  constexpr int64_t kMostClasses = std::numeric_limits<uint16_t>::max() + int64_t{1};
  if (set.class_count() > kMostClasses) {
    throw input_error(fmt::format("{}: expected at most {} classes, got {}", set.path().string(),
                                  kMostClasses, set.class_count()));
  }
  set.verify();
  const auto image_at = [&](int64_t index) {
    throw_if_interrupted();
    return prepare(set.image(index), options.prepare);
  };
  const Image first = image_at(0);
  nlohmann::ordered_json header = header_of(set, options, first);
  const uint64_t images_bytes = header["images"]["bytes"];
  std::string text = header_text(header, images_bytes);

  AtomicFile file(out);
  file.write(kPackMagic);
  file.write(little_endian(text.size(), 8));
  file.write(text);
  Payload payload(file);
  const auto consume = [&](size_t i, const Image& image) {
    require_same_size(set, static_cast<int64_t>(i), image, first);
    payload.write(image.pixels.data(), image.pixels.size());
    if (options.on_progress) options.on_progress(1);
  };
  ordered_parallel(static_cast<size_t>(set.count()), options.threads,
                   [&](size_t i) { return image_at(static_cast<int64_t>(i)); }, consume,
                   {.cost = {},
                    .result_cost = {},
                    .limit = 0,
                    .window = 16 * static_cast<size_t>(options.threads)});
  payload.pad();
  for (int64_t i = 0; i < set.count(); ++i) {
    payload.write(little_endian(static_cast<uint64_t>(set.label(i)), 2));
  }
  const std::string zeros(32, '0');
  text.replace(text.find(zeros, text.find("\"checksum\"")), zeros.size(), payload.digest());
  file.rewrite(kPackHeaderOffset, text);
  file.commit();
}

}  // namespace isomerge
