#include <nlohmann/json.hpp>

#include "report/html.h"

namespace isomerge {
namespace {

using Json = nlohmann::ordered_json;

Json record_json(const Record& record, const std::map<std::string, LogEntry>& log) {
  Json json = Json::parse(record_text(record));
  const auto entry = log.find(json.at("key").get<std::string>());
  for (const char* name : {"format", "key", "outcomes"}) json.erase(name);
  if (entry != log.end()) {
    json["log"] = {{"seconds", entry->second.seconds},
                   {"program", entry->second.program},
                   {"host", entry->second.host},
                   {"when", entry->second.when}};
  }
  return json;
}

}  // namespace

std::string page_records(const Table& table, const ExperimentRecords& records,
                         const std::map<std::string, LogEntry>& log) {
  Json all = Json::object();
  for (const TableRow& row : table.rows) {
    for (const TaskCell& cell : row.cells) {
      if (!cell.key.empty()) all[cell.key] = record_json(records.at(cell.key), log);
    }
  }
  std::string out;
  for (const char c : all.dump()) out += c == '<' ? std::string("\\u003c") : std::string(1, c);
  return out;
}

}  // namespace isomerge
