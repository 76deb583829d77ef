// dataset/image_list.h -- ImageList: a dataset of image files as they are, by a list of them.
//
// The format is described in data/README.md: JSON with classes and, for each split, the path, label
// and content hash of every image. data/convert.py writes it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "dataset/image_set.h"

namespace isomerge {

class ImageList : public ImageSet {
 public:
  // Reads the list alone; no image is opened.
  // throws  Error(kInput) naming the file and what is wrong with it.
  explicit ImageList(const std::filesystem::path& path);

  const std::filesystem::path& path() const override { return path_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  const std::vector<Split>& splits() const override { return splits_; }
  int64_t count() const override { return static_cast<int64_t>(entries_.size()); }

  // Nothing: every image is compared with its hash when it is read.
  void verify() const override {}

  // Decoded (decode_image()), three channels. Throws also if the content hash is another one.
  Image image(int64_t index) const override;
  int64_t label(int64_t index) const override { return entry(index).label; }

 private:
  struct Entry {
    std::string file;  // below folder_
    int64_t label = 0;
    std::string hash;  // XXH3-128 of the file
  };

  const Entry& entry(int64_t index) const { return entries_[static_cast<size_t>(index)]; }
  void read(const std::string& text);

  std::filesystem::path path_, folder_;
  std::vector<std::string> classes_;
  std::vector<Split> splits_;
  std::vector<Entry> entries_;
};

}  // namespace isomerge
