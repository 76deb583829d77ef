#include "report/published.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "report/values.h"

namespace isomerge {
namespace {

struct Entry {
  std::string method;
  double tasks = 0.0;
  PublishedValues values;
  bool is_used = false;
};

std::vector<Entry> read_entries(const std::string& where) {
  const size_t hash = std::min(where.find('#'), where.size());
  const std::string wanted = hash < where.size() ? where.substr(hash + 1) : "";
  const ValueTable values(std::filesystem::path(where.substr(0, hash)));
  const size_t name = values.require_column("table"), method = values.require_column("method"),
               tasks = values.require_column("tasks"), accuracy = values.require_column("accuracy"),
               normalised = values.require_column("normalised");
  std::vector<Entry> entries;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!wanted.empty() && values.text(i, name) != wanted) continue;
    Entry entry{values.text(i, method), values.number(i, tasks), {}};
    // Without either, the complaint is about the accuracy.
    if (!values.text(i, accuracy).empty() || values.text(i, normalised).empty()) {
      entry.values.accuracy = values.number(i, accuracy) / 100.0;
    }
    if (!values.text(i, normalised).empty()) {
      entry.values.normalised = values.number(i, normalised) / 100.0;
    }
    entries.push_back(entry);
  }
  if (entries.empty()) {
    throw input_error(fmt::format("{}: no line with the table \"{}\"", values.source(), wanted));
  }
  return entries;
}

}  // namespace

void add_published(const std::string& where, Table* table) {
  std::vector<Entry> entries = read_entries(where);
  for (TableRow& row : table->rows) {
    const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
      return entry.method == row.method && entry.tasks == static_cast<double>(row.cells.size());
    });
    if (found == entries.end()) continue;
    row.published = found->values;
    found->is_used = true;
  }
  std::vector<std::string> others;
  for (const Entry& entry : entries) {
    const bool is_of_a_set = std::any_of(
        table->rows.begin(), table->rows.end(),
        [&](const TableRow& row) { return entry.tasks == static_cast<double>(row.cells.size()); });
    if (entry.is_used || !is_of_a_set) continue;
    const PublishedValues& values = entry.values;
    others.push_back(values.accuracy
                         ? fmt::format("{} {:.1f} ({:.0f} tasks)", entry.method,
                                       100.0 * *values.accuracy, entry.tasks)
                         : fmt::format("{} {:.1f} normalised ({:.0f} tasks)", entry.method,
                                       100.0 * values.normalised.value(), entry.tasks));
  }
  if (!others.empty()) {
    table->footnotes.push_back("Published, without a row here: " + join(others, "; ") + ".");
  }
}

}  // namespace isomerge
