// config/overrides.h -- `--set key=value` on the tree of a configuration file, before it is
// checked.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/json_reader.h"
#include "config/variables.h"

namespace isomerge {

// Writes every entry of `set` whose first part (before a dot) is one of `keys` into the object
// `tree`: "select.patience" = "0" sets that member, made if absent. Values are true, false, numbers
// or text. Returns the names that were not keys: they have to be variables.
std::vector<std::string> apply_overrides(JsonValue& tree, const Settings& set,
                                         const std::vector<std::string>& keys,
                                         const std::filesystem::path& file, Problems& problems);

}  // namespace isomerge
