// analysis/cosine.h -- cosines of whole updates, seen as one long vector each.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "analysis/merged_update.h"
#include "analysis/selection.h"
#include "task/updates.h"

namespace isomerge {

// Cosines over the tensors of one group.
struct CosineGroup {
  std::string group;
  int64_t tensors = 0;
  std::vector<double> norms;  // T + 1: |D_t|_F, then |D_M|_F
  // (T + 1) * (T + 1), row by row, D_M last: <D_i, D_j> / (|D_i| |D_j|). Nothing where one is zero.
  Values cosines;
};

struct CosineSettings {
  Selection selection;  // of all floating tensors, matrices or not
  Grouping grouping = Grouping::kModel;
  int threads = 1;  // blocks at once
};

// Inner products in fp64 of updates formed in fp32, by blocks of rows: never more than T + 2 blocks
// per thread in memory. The same bits whatever the number of threads.
//
// merged   D_M; none: the sum of the updates, whose products follow from those of the tasks.
// source   Fig. 2 of arXiv:2502.04959, which does not say what tensors enter the vectors.
// cost     T^2 flops per entry.
// returns  the groups in natural order.
std::vector<CosineGroup> update_cosines(const Updates& updates, const MergedUpdate* merged,
                                        const CosineSettings& settings);

}  // namespace isomerge
