// config/variables.h -- ${NAME} in configuration files: from `--set NAME=value`, else the
// environment.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "config/json_reader.h"

namespace isomerge {

// What the person gave with --set, as text: name -> value.
using Settings = std::map<std::string, std::string>;

class Variables {
 public:
  explicit Variables(Settings set) : set_(std::move(set)) {}

  const Settings& set() const { return set_; }
  const std::set<std::string>& used() const { return used_; }  // names of `set` that were looked up

  // Replaces every ${NAME} in the string values of `value`. An unset name is a problem.
  void expand(JsonValue& value, const std::filesystem::path& file, Problems& problems);

 private:
  std::optional<std::string> find(const std::string& name);
  std::string expand_text(const JsonValue& value, const std::filesystem::path& file,
                          Problems& problems);

  Settings set_;
  std::set<std::string> used_;
};

// Whether the files that a configuration names have to be there: a report needs only records.
enum class Files { kMustExist, kMayBeMissing };

// A path as written in `file`, made absolute: relative ones start at that file's folder. A missing
// one is a problem, with the nearest name in its folder.
std::filesystem::path resolve_path(const std::string& text, const std::filesystem::path& file,
                                   int line, Files files, Problems& problems);

// The same of a path that is absolute already, named on this line of `file`.
void require_existing(const std::filesystem::path& path, const std::filesystem::path& file,
                      int line, Problems& problems);

// Whether two paths, existing or not, lead to the same place, links followed. Empty ones never do.
bool same_file(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace isomerge
