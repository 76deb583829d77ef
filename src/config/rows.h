// config/rows.h -- the parts of an experiment file that become rows: "tasks" and "methods".
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "config/json_reader.h"

namespace isomerge {

using TaskSet = std::vector<std::string>;

// "tasks": n (the first n), a list of names (one set), a list of numbers, of lists of names or a
// range (several sets); absent: all. Sets come out in suite order.
std::vector<TaskSet> read_task_sets(const JsonValue* value, const Suite& suite,
                                    const std::filesystem::path& file, Problems& problems);

// "methods": names, or objects with "method", "alpha" and "options". Axes in `selected` vary inside
// a row; all others, and the task sets, make rows.
std::vector<Row> read_rows(const JsonValue& methods, const std::vector<TaskSet>& task_sets,
                           const std::vector<std::string>& selected,
                           const std::filesystem::path& file, Problems& problems);

}  // namespace isomerge
