// store/lambda_search.h -- which lambda the TALL mask of every task gets, from the records of its
// trials. Runner and report both ask it, so they cannot disagree.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "store/scores.h"

namespace isomerge {

struct LambdaSearch {
  std::map<std::string, double> lambdas;  // by task; a task with a trial missing has none yet
  int64_t trials = 0;                     // tasks times lambdas
  int64_t missing = 0;
  int64_t failed = 0;
  std::vector<std::string> hopeless;  // tasks whose trials all failed: they get no lambda
};

// The record of the trial with lambda number `index` of the grid, evaluated on `task`.
using FindTrial = std::function<FoundRecord(size_t index, const std::string& task)>;

// Every task takes the lambda with its highest accuracy, the FIRST of equal ones in the order of
// `grid`; failed trials are passed over.
LambdaSearch search_lambdas(const std::vector<std::string>& tasks, const std::vector<double>& grid,
                            const FindTrial& find);

}  // namespace isomerge
