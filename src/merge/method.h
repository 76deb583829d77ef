// merge/method.h -- merge methods by name: from a description (config/method_info.h) to its rules.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/options.h"
#include "merge/rule.h"
#include "merge/statistics_set.h"

namespace isomerge {

// What a method takes beside updates and options.
struct MethodInputs {
  std::shared_ptr<const StatisticsSet> statistics = {};  // of the kinds of statistics_of()
};

struct Method {
  std::string name;
  // options resolved: every known one is present
  Rules (*make)(const Options& options, const MethodInputs& inputs);

  Rules rules(const Options& options, const MethodInputs& inputs = {}) const {
    return make(options, inputs);
  }
};

// The statistics that a method with these options, resolved, reads; mostly none.
std::vector<StatisticsKind> statistics_of(const std::string& method, const Options& options);

// Every method that merges, in the order tables print them. To add one: write its header, its .cpp,
// its test, its description in config/method_info.cpp and one line in method.cpp.
const std::vector<Method>& methods();

// Throws Error(kInput) with the nearest name if `name` does not merge anything.
const Method& require_method(const std::string& name);

}  // namespace isomerge
