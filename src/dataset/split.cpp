#include "dataset/split.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {

const Split& require_split(const std::filesystem::path& file, const std::vector<Split>& splits,
                           const std::string& name) {
  std::vector<std::string> known;
  for (const Split& split : splits) {
    if (split.name == name) return split;
    known.push_back(split.name);
  }
  throw input_error(
      fmt::format("{}: no split \"{}\"; known: {}", file.string(), name, join(known, ", ")));
}

}  // namespace isomerge
