// report/html.h -- table, figures and records as one HTML page that needs nothing else: no network,
// no other file.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "report/figure.h"
#include "report/records.h"
#include "report/table.h"

namespace isomerge {

struct DrawnFigure {
  Figure figure;
  std::string svg;  // of draw_figure()
};

// Tables that sort by a click on a column's head, the tasks of a row on demand, figures inline, the
// record of every accuracy: definition, hashes, and from the log seconds and program version. Same
// table, figures, records and log: same bytes. Percent, two digits; full precision when sorted.
std::string html_text(const Table& table, const std::vector<DrawnFigure>& figures,
                      const ExperimentRecords& records, const std::map<std::string, LogEntry>& log);

// The records behind the table as one JSON object by key, without their outcomes, that can stand
// in a <script>. `log` joins each.
std::string page_records(const Table& table, const ExperimentRecords& records,
                         const std::map<std::string, LogEntry>& log);

}  // namespace isomerge
