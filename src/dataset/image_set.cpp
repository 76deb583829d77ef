#include "dataset/image_set.h"

#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "dataset/image_list.h"
#include "dataset/pack.h"

namespace isomerge {

const Split& ImageSet::require_split(const std::string& name) const {
  std::vector<std::string> known;
  for (const Split& split : splits()) {
    if (split.name == name) return split;
    known.push_back(split.name);
  }
  throw input_error(
      fmt::format("{}: no split \"{}\"; known: {}", path().string(), name, join(known, ", ")));
}

std::unique_ptr<ImageSet> open_image_set(const std::filesystem::path& path) {
  char first = 0;
  const InputFile file(path);
  if (file.size() > 0) file.read_at(0, &first, 1);
  if (first == '{') return std::make_unique<ImageList>(path);
  return std::make_unique<Pack>(path);  // says what is wrong if it is none
}

}  // namespace isomerge
