// experiment/experiment_status.h -- how far an experiment is, and who works on it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/experiment.h"
#include "store/claims.h"

namespace isomerge {

// What a start would find. Reads records, claims and the log only.
struct RowStatus {
  std::string row;              // "iso_cts/common_fraction=0.8, 8 tasks"
  int64_t masks = 0;            // to evaluate for the row's lambdas; 0 where it lacks none
  int64_t masks_evaluated = 0;  // before all of them are, no candidate is
  int64_t candidates = 0;       // of the grid, and of the rounds of refinement that have begun
  int64_t evaluated = 0;        // candidates with all their records on the selection split
  std::string chosen;           // canonical string, empty if the search is not over
  bool is_complete = false;     // chosen and tested on every task
  int64_t missing = 0;          // records, at most: patience may save some
};
struct ExperimentStatus {
  std::vector<RowStatus> rows;
  std::vector<Claim> claims;  // what is being worked on in this folder, by whom
  int64_t missing = 0;        // records of all rows
  double seconds_each = 0.0;  // what a record took until now, its merge included; 0: unknown

  // As fast as until now, by as many processes as work now, or by one.
  double seconds_left() const;
};
ExperimentStatus experiment_status(const Experiment& experiment,
                                   const std::filesystem::path& results);

}  // namespace isomerge
