// config/task_sets.h -- "tasks" of an experiment file: which tasks are merged and evaluated
// together.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/json_reader.h"
#include "config/suite.h"

namespace isomerge {

using TaskSet = std::vector<std::string>;

// "tasks": n (the first n), a list of names (one set), a list of numbers, of lists of names or a
// range (several sets); absent: all. Sets come out in suite order.
std::vector<TaskSet> read_task_sets(const JsonValue* value, const Suite& suite,
                                    const std::filesystem::path& file, Problems& problems);

}  // namespace isomerge
