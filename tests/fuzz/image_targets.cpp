#include "fuzz/image_targets.h"

#include <cstddef>
#include <span>
#include <string>

#include "dataset/image.h"
#include "dataset/image_header.h"
#include "dataset/image_list.h"
#include "dataset/pack.h"
#include "fuzz/memory_file.h"
#include "support/pack_file.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

void read_image_start(const std::string& bytes) {
  const ImageHeader header = read_image_header(bytes_of(bytes));
  require(header.pixels.value_or(0) >= 0, "an image of less than no pixels");
}

#ifdef ISOMERGE_OPENCV
// Sizes that a header may declare, up to kMostPixels, cost memory as they must; here they are left
// out.
void read_image(const std::string& bytes) {
  constexpr int64_t kMost = 1 << 20;
  const bool is_known = read_image_header(bytes_of(bytes)).pixels.value_or(kMost + 1) <= kMost;
  if (!is_known) return;
  const Image image = decode_image(bytes_of(bytes), "fuzz");
  require(image.channels == 3 && image.height >= 1 && image.width >= 1, "an image without pixels");
  require(image.pixels.size() == static_cast<size_t>(3 * image.height * image.width),
          "an image of other pixels than its size says");
}
#endif

void require_splits_inside(const ImageSet& set) {
  for (const Split& split : set.splits()) {
    require(0 <= split.begin && split.begin < split.end && split.end <= set.count(),
            "a split leaves the set");
  }
  for (int64_t i = 0; i < set.count(); ++i) {
    require(0 <= set.label(i) && set.label(i) < set.class_count(), "a label without a class");
  }
}

void read_list(const std::string& bytes) {
  const MemoryFile memory(bytes);
  require_splits_inside(ImageList(memory.path()));
}

// Damage to the payload is the checksum's to find.
void read_pack(const std::string& bytes) {
  const MemoryFile memory(bytes);
  const Pack pack(memory.path());
  require_splits_inside(pack);
  for (int64_t i = 0; i < pack.count(); ++i) {
    const Image image = pack.image(i);
    uint64_t sum = 0;
    for (const uint8_t pixel : image.pixels) sum += pixel;
    require(sum <= 255 * image.pixels.size(), "pixels that are not there");
  }
}

std::vector<std::string> image_seeds() {
  const std::string folder = ISOMERGE_SOURCE_DIR "/tests/golden/images/";
  std::vector<std::string> seeds;
  for (const char* name : {"photo.jpg", "grey.jpg", "colour.png", "palette.png"}) {
    seeds.push_back(TemporaryFolder::read(folder + name));
  }
  return seeds;
}

std::string list_seed() {
  return R"({"format": "isomerge image list 1", "name": "x", "classes": ["a", "b"], "folder": "f",
    "splits": {"val": [["a/1.png", 0, "00"]], "test": [["2.png", 1, "11"], ["3.png", 0, ""]]}})";
}

}  // namespace

std::vector<FuzzTarget> image_targets() {
  std::vector<FuzzTarget> targets{{"image_header", image_seeds(), read_image_start},
                                  {"image_list", {list_seed()}, read_list},
                                  {"pack", {PackFile().bytes()}, read_pack}};
#ifdef ISOMERGE_OPENCV
  targets.push_back({"image", image_seeds(), read_image});
#endif
  return targets;
}

}  // namespace isomerge
