// The JSON form of csv.h.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/cells.h"
#include "report/csv.h"

namespace isomerge {
namespace {

using Json = nlohmann::ordered_json;

Json number_or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json cell_json(const TaskCell& cell) {
  Json json = {{"task", cell.task}};
  if (cell.accuracy) {
    json["correct"] = Json::parse(number_text(cell.accuracy->correct));  // 731, not 731.0
    json["total"] = cell.accuracy->total;
    json["accuracy"] = cell.accuracy->value();
  }
  json["normalised"] = number_or_null(cell.normalised);
  json["nai"] = number_or_null(cell.nai);
  json["note"] = cell.note;
  json["record"] = cell.key;
  if (!cell.chosen.empty()) json["chosen"] = cell.chosen;
  return json;
}

const char* standing_text(Standing standing) {
  switch (standing) {
    case Standing::kBest:
      return "best";
    case Standing::kSecond:
      return "second";
    case Standing::kNone:
      break;
  }
  return "";
}

Json difference_json(const std::optional<Difference>& difference) {
  if (!difference) return Json();
  return {{"value", difference->value},
          {"interval", {difference->interval.low, difference->interval.high}},
          {"significant", difference->is_significant()}};
}

Json means_json(const Means& means) {
  return {{"accuracy", means.accuracy}, {"normalised", number_or_null(means.normalised)}};
}

Json row_json(const TableRow& row) {
  Json json = {{"method", row.method},
               {"title", row.title},
               {"configuration", row.chosen},
               {"alpha", number_or_null(row.alpha)},
               {"alpha_at_edge", row.alpha_at_edge},
               {"accuracy", number_or_null(row.accuracy)},
               {"interval", row.interval ? Json({row.interval->low, row.interval->high}) : Json()},
               {"normalised", number_or_null(row.normalised)},
               {"nai", number_or_null(row.nai)},
               {"standing", standing_text(row.standing)},
               {"to_best", difference_json(row.to_best)},
               {"note", row.note},
               {"tasks", Json::array()}};
  if (row.published) {
    json["published"] = {{"accuracy", number_or_null(row.published->accuracy)},
                         {"normalised", number_or_null(row.published->normalised)}};
  }
  if (row.without) json["without"] = means_json(*row.without);
  for (const TaskCell& cell : row.cells) json["tasks"].push_back(cell_json(cell));
  return json;
}

}  // namespace

std::string json_text(const Table& table) {
  Json json = {{"title", table.title},
               {"split", table.split},
               {"rows", Json::array()},
               {"footnotes", table.footnotes}};
  if (has_without(table)) json["without"] = table.without;
  for (const TableRow& row : table.rows) json["rows"].push_back(row_json(row));
  return json.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

}  // namespace isomerge
