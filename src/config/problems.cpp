#include "config/problems.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {

void Problems::add(const std::filesystem::path& file, int line, const std::string& fact) {
  all_.push_back({file.string(), line, fact});
}

void Problems::throw_if_any() const {
  if (all_.empty()) return;
  // Files in the order of their first problem, lines ascending within a file.
  std::vector<std::string> files;
  for (const Problem& problem : all_) {
    if (std::find(files.begin(), files.end(), problem.file) == files.end()) {
      files.push_back(problem.file);
    }
  }
  std::string list;
  for (const std::string& file : files) {
    std::vector<Problem> here;
    std::copy_if(all_.begin(), all_.end(), std::back_inserter(here),
                 [&](const Problem& problem) { return problem.file == file; });
    std::stable_sort(here.begin(), here.end(),
                     [](const Problem& a, const Problem& b) { return a.line < b.line; });
    for (const Problem& problem : here) {
      const std::string where = problem.line > 0 ? fmt::format("line {}: ", problem.line) : "";
      list += fmt::format("\n  {}: {}{}", problem.file, where, problem.fact);
    }
  }
  if (all_.size() == 1) throw input_error(list.substr(3));  // without the list's "\n  "
  throw input_error(fmt::format("{} problems:{}", all_.size(), list));
}

}  // namespace isomerge
