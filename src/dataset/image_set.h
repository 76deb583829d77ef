// dataset/image_set.h -- ImageSet: labelled images in splits, whatever they are stored as.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dataset/image.h"
#include "dataset/split.h"

namespace isomerge {

// Read-only and thread-safe once constructed. Its files must not be changed while it is open.
class ImageSet {
 public:
  virtual ~ImageSet() = default;

  virtual const std::filesystem::path& path() const = 0;
  virtual const std::vector<std::string>& classes() const = 0;  // label -> name
  virtual const std::vector<Split>& splits() const = 0;
  virtual int64_t count() const = 0;

  // Compares checksums as far as that is done beforehand. Throws Error(kInput).
  virtual void verify() const = 0;

  // Of example 0 <= index < count(). Throws Error(kInput) naming the file that cannot be read.
  virtual Image image(int64_t index) const = 0;
  virtual int64_t label(int64_t index) const = 0;  // below class_count()

  int64_t class_count() const { return static_cast<int64_t>(classes().size()); }

  // Throws Error(kInput) that lists the known splits if `name` is not one of them.
  const Split& require_split(const std::string& name) const {
    return isomerge::require_split(path(), splits(), name);
  }
};

// A pack (dataset/pack.h) or an image list (dataset/image_list.h), told apart by content.
std::unique_ptr<ImageSet> open_image_set(const std::filesystem::path& path);

}  // namespace isomerge
