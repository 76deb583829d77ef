// config/problems.h -- everything that is wrong with some files, thrown together.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace isomerge {

// What is wrong with one or several files. Problems come out by file, then by line.
class Problems {
 public:
  void add(const std::filesystem::path& file, int line, const std::string& fact);
  bool empty() const { return all_.empty(); }

  // One Error(kInput): "file: line N: fact", or "N problems:" and a list. Line 0 is left out.
  void throw_if_any() const;

 private:
  struct Problem {
    std::string file;
    int line;
    std::string fact;
  };
  std::vector<Problem> all_;
};

}  // namespace isomerge
