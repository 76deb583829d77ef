// app/analysis_request.h -- the command line of `isomerge analyze`.
#pragma once

#include <vector>

#include "app/analysis_output.h"
#include "app/arguments.h"

namespace isomerge {

// True if it is about the features of a suite's images: "interference SUITE.json". Throws
// Error(kInput) if that is mixed with analyses of updates, or with their flags.
bool asks_for_interference(const Arguments& arguments);

// The question: a report without its results. Throws Error(kInput) on a value that cannot be, and
// on a flag that nothing of what is asked for would look at. Opens no file.
AnalysisReport read_analysis_request(const Arguments& arguments);

// True if one of `kinds` is asked for.
bool asks_for(const AnalysisReport& report, const std::vector<AnalysisKind>& kinds);

}  // namespace isomerge
