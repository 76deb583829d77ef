#include "report/values.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "report/csv.h"

namespace isomerge {

ValueTable::ValueTable(const std::filesystem::path& path) : source_(path.string()) {
  try {
    lines_ = parse_csv(read_text_file(path));
  } catch (const Error& error) {
    throw error.during(source_);
  }
  if (lines_.size() < 2) {
    throw input_error(fmt::format("{}: expected a heading and lines of values", source_));
  }
  columns_ = lines_.front();
  lines_.erase(lines_.begin());
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].size() == columns_.size()) continue;
    throw input_error(fmt::format("{}: line {}: expected {} fields, got {}", source_, i + 2,
                                  columns_.size(), lines_[i].size()));
  }
}

std::optional<size_t> ValueTable::find_column(const std::string& name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found == columns_.end()) return {};
  return static_cast<size_t>(found - columns_.begin());
}

size_t ValueTable::require_column(const std::string& name) const {
  const std::optional<size_t> column = find_column(name);
  if (column) return *column;
  throw input_error(fmt::format("{}: no column \"{}\"{}; there are {}", source_, name,
                                nearest_hint(name, columns_), join(columns_, ", ")));
}

double ValueTable::number(size_t line, size_t column) const {
  const std::optional<double> value = parse_number(text(line, column));
  if (value) return *value;
  throw input_error(fmt::format("{}: line {}: {}: expected a number, got \"{}\"", source_, line + 2,
                                columns_[column], text(line, column)));
}

}  // namespace isomerge
