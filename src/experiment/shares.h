// experiment/shares.h -- which part of an experiment each of n processes begins with.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/experiment.h"

namespace isomerge {

// Examples of one task's split.
using SplitSize = std::function<int64_t(const std::string& task, const std::string& split)>;

// Every line of a row's grid, and the test of a row that has nothing to choose, belongs to one of n
// shares. Shares are runs of neighbours, so that merges which ask for the same factors stay
// together, and equal in cost up to one such piece. They follow from the experiment alone: floating
// operations of evaluations and merges by the shapes of the base, nothing that is measured.
class Shares {
 public:
  Shares(const Experiment& experiment, const SplitSize& split_size, int count);

  // Of the line of row `row` of the experiment that candidate `candidate` begins or belongs to;
  // that of the last line where a refined candidate is asked for.
  int of(size_t row, size_t candidate) const;

  // Of pieces of about equal cost that everybody waits for: they go round.
  int of_early(size_t index) const { return static_cast<int>(index % static_cast<size_t>(count_)); }

 private:
  int count_;
  std::map<std::pair<size_t, size_t>, int> share_;  // by row and line
  std::vector<size_t> line_length_, lines_;         // by row
};

}  // namespace isomerge
