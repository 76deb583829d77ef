// merge/method.h -- merge methods by name: from a description (config/method_info.h) to its rules.
#pragma once

#include <string>

#include "config/options.h"
#include "merge/rule.h"

namespace isomerge {

struct Method {
  std::string name;
  Rules (*rules)(const Options& options);  // options resolved: every known one is present
};

// Every method that merges, in the order tables print them. To add one: write its header, its .cpp,
// its test, its description in config/method_info.cpp and one line in method.cpp.
const std::vector<Method>& methods();

// Throws Error(kInput) with the nearest name if `name` does not merge anything.
const Method& require_method(const std::string& name);

}  // namespace isomerge
