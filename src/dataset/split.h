// dataset/split.h -- the parts of a dataset, by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace isomerge {

// The examples [begin, end) of a set; never empty.
struct Split {
  std::string name;
  int64_t begin = 0;
  int64_t end = 0;

  int64_t size() const { return end - begin; }
};

// Throws Error(kInput) naming `file` and the known splits if `name` is not one of them.
const Split& require_split(const std::filesystem::path& file, const std::vector<Split>& splits,
                           const std::string& name);

}  // namespace isomerge
