// experiment/row_analysis.h -- one analysis of an experiment, of one merged update.
#pragma once

#include <string>
#include <vector>

#include "analysis/merged_update.h"
#include "config/analysis_entry.h"
#include "experiment/suite_evaluator.h"
#include "task/updates.h"

namespace isomerge {

struct AnalysisTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> lines;
};

// The values that an entry asks for, a line each, the value itself last:
//
//     sar           task, group, block, beta, k, sar
//     pairs         row, column, group, beta, k, sar     row: D_i, column: the directions of D_j
//     cosine        task, group, cosine
//     cosine_pairs  row, column, group, cosine
//     spectrum      tensor, beta, rank, index, value     index from 1
//     interference  task, distance                       by interference_table()
//
// group is a layer, module, tensor or "model"; block its first number, if it has one. Where an
// update is zero the line is left out.
//
// merged   D_M, before alpha.
// cost     see analyse_matrices() and update_cosines().
AnalysisTable analyse_row(const AnalysisEntry& entry, const Updates& updates,
                          const MergedUpdate& merged, int threads);

// How far the features of the weights that are bound are from those of each task's expert.
AnalysisTable interference_table(SuiteEvaluator& evaluator, const std::vector<std::string>& tasks,
                                 const std::string& split);

}  // namespace isomerge
