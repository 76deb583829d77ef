// report/values.h -- a CSV file with values that no record holds, for figures.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace isomerge {

// A heading and lines of as many fields. Every function throws Error(kInput) that names the file,
// and the line and column where there is one.
class ValueTable {
 public:
  explicit ValueTable(std::filesystem::path path);

  const std::vector<std::string>& columns() const { return columns_; }
  size_t size() const { return lines_.size(); }  // lines below the heading

  std::optional<size_t> find_column(const std::string& name) const;
  size_t require_column(const std::string& name) const;

  const std::string& text(size_t line, size_t column) const { return lines_[line][column]; }
  double number(size_t line, size_t column) const;

 private:
  std::filesystem::path path_;
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> lines_;
};

}  // namespace isomerge
