// app/suite_request.h -- what commands that look at a suite's examples ask for alike.
#pragma once

#include <string>
#include <vector>

#include "app/arguments.h"
#include "config/suite.h"

namespace isomerge {

struct SuiteRequest {
  Suite suite;
  std::vector<std::string> tasks;  // --task, all of the suite where none is given
  std::string split;               // --split, "test" where none is given
};

// The suite file `path` with the values of --set. Experts and data of these tasks alone have to be
// there, or data alone. Throws Error(kInput) as read_suite() does.
enum class Needs { kData, kDataAndExperts };
SuiteRequest read_suite_request(const Arguments& arguments, const std::string& path, Needs needs);

}  // namespace isomerge
