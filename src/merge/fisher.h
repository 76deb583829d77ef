// merge/fisher.h -- Fisher-weighted averaging.
//
// Source: Matena and Raffel, "Merging Models with Fisher-Weighted Averaging", arXiv:2111.09832, as
// MaTS (arXiv:2312.04339) runs it: empirical diagonal Fisher information, floored, not normalised.
#pragma once

#include <memory>

#include "merge/elementwise.h"
#include "merge/statistics_set.h"

namespace isomerge {

// sum_t F_t D_t / sum_t F_t with F_t = max(Fisher of expert t, floor), in fp64: with alpha 1 the
// model is sum_t F_t theta_t / sum_t F_t. Of a tensor without Fisher information (no gradient ever
// reached it) everything is at the floor: the mean. Of two tasks the floored Fishers are scaled by
// task_shares(). cost  one pass over updates and statistics.
std::shared_ptr<ElementwiseRule> fisher_rule(std::shared_ptr<const StatisticsSet> statistics,
                                             double floor, double first_share = kEqualShares);

}  // namespace isomerge
