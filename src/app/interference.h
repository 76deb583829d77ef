// app/interference.h -- `isomerge analyze interference`, the analysis that looks at images.
#pragma once

#include "app/arguments.h"

namespace isomerge {

// Prints how far the features of a checkpoint are from those of each task's expert
// (eval/interference.h). Operands: "interference", a suite file. Exit code.
int run_interference(const Arguments& arguments);

}  // namespace isomerge
