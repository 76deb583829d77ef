// config/rows.h -- "methods" of an experiment file: what becomes rows and candidates.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "config/json_reader.h"
#include "config/task_sets.h"

namespace isomerge {

// "methods": names, or objects with "method", "alpha", "options" and "tasks", which stands in for
// the experiment's `task_sets`. Axes in `selected` vary inside a row; all others, and the task
// sets, make rows.
std::vector<Row> read_rows(const JsonValue& methods, const std::vector<TaskSet>& task_sets,
                           const Suite& suite, const std::vector<std::string>& selected,
                           const std::filesystem::path& file, Problems& problems);

}  // namespace isomerge
