// store/example_run.h -- a run definition for tests of this room.
#pragma once

#include "store/record.h"

namespace isomerge {

inline RunDefinition example_run() {
  RunDefinition run;
  run.method = "iso_cts";
  run.options = {{"common_fraction", 0.8}, {"null", std::string("zero")}};
  run.alpha = 1.2;
  run.precision = "fp32";
  run.average = {"*.bias"};
  run.tasks = {"digits", "fashion"};
  run.task = "digits";
  run.split = "val";
  run.mean = {0.1, 0.2, 0.3};
  run.std = {0.5, 0.5, 0.25};
  run.hashes = {{"base", "b0"}, {"encoder", "e0"}, {"expert/digits", "x1"}};
  return run;
}

}  // namespace isomerge
