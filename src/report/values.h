// report/values.h -- values for figures that are no accuracies: of a CSV file or of an analysis.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace isomerge {

// A heading and lines of as many fields. Every function throws Error(kInput) that names the file,
// and the line and column where there is one.
class ValueTable {
 public:
  explicit ValueTable(const std::filesystem::path& path);

  // `source` names it in messages. Every line has as many fields as there are columns.
  ValueTable(std::string source, std::vector<std::string> columns,
             std::vector<std::vector<std::string>> lines)
      : source_(std::move(source)), columns_(std::move(columns)), lines_(std::move(lines)) {}

  const std::string& source() const { return source_; }

  const std::vector<std::string>& columns() const { return columns_; }
  size_t size() const { return lines_.size(); }  // lines below the heading

  std::optional<size_t> find_column(const std::string& name) const;
  size_t require_column(const std::string& name) const;

  const std::string& text(size_t line, size_t column) const { return lines_[line][column]; }
  double number(size_t line, size_t column) const;

 private:
  std::string source_;
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> lines_;
};

}  // namespace isomerge
