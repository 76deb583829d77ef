// config/mask_rows.h -- rows made of TALL masks. Unless the experiment gives their lambdas, it
// chooses one per task on its selection split.
//
// Source: arXiv:2405.07813 and its code. base + m_t * sum_i D_i is evaluated with every lambda of
// the grid on the validation split of task t alone, which keeps the first of its best.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/experiment.h"

namespace isomerge {

// 0.2, 0.3, 0.4, 0.5, 0.6.
const std::vector<double>& lambda_grid();

// Options of a method that a row leaves out of its candidates, given the names in the file: lambdas
// that are to be chosen, and whose mask it is, which the evaluated task says.
std::vector<std::string> open_options(const std::string& method,
                                      const std::vector<std::string>& given);

// tall_mask's options that depend on the task: every task of the set has its own mask.
std::map<std::string, Options> own_masks(const std::vector<std::string>& task_set);

// Whether the row's candidates lack their lambdas: consensus_ta that was given neither "lambda" nor
// "lambdas", tall_mask that was not given "lambda". Such candidates define no run yet.
bool needs_lambdas(const Row& row);

// The first stage: a tall_mask row over the tasks of `row` with one candidate per lambda of the
// grid, in its order, at alpha 1. Every task has its own mask.
Row mask_trials(const Row& row);

// The second stage: `row` with these lambdas, one for every task of its set.
Row with_lambdas(Row row, const std::map<std::string, double>& lambdas);

// The candidate's options for people: its own and, where tasks have lambdas of their own, those as
// "lambda" = "cars=0.2,dtd=0.5".
Options shown_options(const Row& row, const Candidate& candidate);

}  // namespace isomerge
