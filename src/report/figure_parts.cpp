#include "report/figure_parts.h"

#include <algorithm>
#include <map>

#include "config/method_info.h"

namespace isomerge {

std::string quantity_title(Quantity quantity, bool is_mean) {
  switch (quantity) {
    case Quantity::kAccuracy:
      return is_mean ? "Mean accuracy (%)" : "Accuracy (%)";
    case Quantity::kNormalised:
      return is_mean ? "Mean normalised accuracy (%)" : "Normalised accuracy (%)";
    case Quantity::kNai:
      return is_mean ? "Mean NAI" : "NAI";
  }
  return "";
}

std::string axis_title(const std::string& column) {
  static const std::map<std::string, std::string> titles = {
      {"block", "Block"},         {"cosine", "Cosine"}, {"distance", "Mean L1 distance"},
      {"index", "Index"},         {"sar", "SAR"},       {"tasks", "Number of tasks"},
      {"value", "Singular value"}};
  const auto known = titles.find(column);
  if (known != titles.end()) return known->second;
  std::string title = column;
  std::replace(title.begin(), title.end(), '_', ' ');
  return title;
}

double quantity_scale(Quantity quantity) { return quantity == Quantity::kNai ? 1.0 : 100.0; }

namespace {

std::optional<double> scaled(const std::optional<double>& value, Quantity quantity) {
  if (!value) return {};
  return *value * quantity_scale(quantity);
}

}  // namespace

std::optional<double> cell_value(const TaskCell& cell, Quantity quantity) {
  if (quantity == Quantity::kNormalised) return scaled(cell.normalised, quantity);
  if (quantity == Quantity::kNai) return scaled(cell.nai, quantity);
  if (!cell.accuracy) return {};
  return scaled(cell.accuracy->value(), quantity);
}

std::optional<double> row_value(const TableRow& row, Quantity quantity) {
  if (quantity == Quantity::kNormalised) return scaled(row.normalised, quantity);
  if (quantity == Quantity::kNai) return scaled(row.nai, quantity);
  return scaled(row.accuracy, quantity);
}

std::optional<double> task_value(const ValueTable& values, size_t column, const TableRow& row,
                                 const std::string& task) {
  const size_t method = values.require_column("method"), tasks = values.require_column("task");
  const std::optional<size_t> count = values.find_column("tasks");
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string& name = values.text(i, method);
    const bool fits = (name == row.method || name == row.title) && values.text(i, tasks) == task &&
                      (!count || values.number(i, *count) == static_cast<double>(row.cells.size()));
    if (fits) return values.number(i, column);
  }
  return {};
}

std::vector<const TableRow*> shown_rows(const FigureEntry& entry, const Table& table,
                                        Trivial trivial) {
  std::vector<const TableRow*> rows;
  for (const TableRow& row : table.rows) {
    const auto& names = entry.methods;
    const bool is_named = std::find(names.begin(), names.end(), row.method) != names.end();
    const bool is_shown = trivial == Trivial::kShown || require_method_info(row.method).merges;
    if (names.empty() ? is_shown : is_named) rows.push_back(&row);
  }
  return rows;
}

std::vector<std::string> distinct_titles(const std::vector<const TableRow*>& rows) {
  std::vector<std::string> titles;
  for (const TableRow* row : rows) {
    if (place_of(titles, row->title) == titles.size()) titles.push_back(row->title);
  }
  return titles;
}

size_t place_of(const std::vector<std::string>& titles, const std::string& title) {
  return static_cast<size_t>(std::find(titles.begin(), titles.end(), title) - titles.begin());
}

std::vector<LegendEntry> legend_of(const std::vector<std::string>& titles,
                                   LegendEntry::Sample sample) {
  std::vector<LegendEntry> legend;
  for (size_t i = 0; i < titles.size(); ++i) legend.push_back({titles[i], nth_look(i), sample});
  return legend;
}

Figure titled_figure(const FigureEntry& entry) {
  Figure figure;
  figure.title = entry.title;
  return figure;
}

}  // namespace isomerge
