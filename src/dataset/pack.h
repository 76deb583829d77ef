// dataset/pack.h -- Pack: one packed dataset file, memory-mapped and checked before use.
//
// The format is described byte by byte in data/README.md: magic, JSON header, uint8 images
// [count, channels, height, width], u16 labels [count]; splits are ranges of examples.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "dataset/image_set.h"
#include "dataset/pack_header.h"

namespace isomerge {

class Pack : public ImageSet {
 public:
  // Maps the file and checks everything but the checksum: sizes, ranges, known keys, every label.
  // throws  Error(kInput) naming the file, what was expected and what was found.
  // cost    O(count): reads the header and the labels, no image.
  explicit Pack(std::filesystem::path path);

  // Compares the checksum of the payload with the header's. The first success is remembered: later
  // calls cost nothing.
  // throws  Error(kInput) with both checksums.
  // cost    one pass over the file, several GB/s.
  void verify() const override;

  const std::filesystem::path& path() const override { return file_.path(); }
  const std::string& name() const { return header_.name; }
  const std::vector<std::string>& classes() const override { return header_.classes; }
  const std::vector<Split>& splits() const override { return header_.splits; }
  int64_t count() const override { return header_.count; }
  int64_t channels() const { return header_.channels; }  // 1 or 3
  int64_t height() const { return header_.height; }
  int64_t width() const { return header_.width; }
  const std::string& checksum() const { return header_.checksum; }  // as the header has it

  // A view of the mapped file.
  Image image(int64_t index) const override;
  int64_t label(int64_t index) const override;

 private:
  MappedFile file_;
  PackHeader header_;
  std::unique_ptr<std::atomic<bool>> verified_ = std::make_unique<std::atomic<bool>>(false);
};

}  // namespace isomerge
