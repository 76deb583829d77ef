#include "dataset/image_set.h"

#include "base/file.h"
#include "dataset/image_list.h"
#include "dataset/pack.h"

namespace isomerge {

std::unique_ptr<ImageSet> open_image_set(const std::filesystem::path& path) {
  char first = 0;
  const InputFile file(path);
  if (file.size() > 0) file.read_at(0, &first, 1);
  if (first == '{') return std::make_unique<ImageList>(path);
  return std::make_unique<Pack>(path);  // says what is wrong if it is none
}

}  // namespace isomerge
