// merge/ties.h -- TIES-Merging: trim, elect a sign, merge what agrees.
//
// Source: Yadav et al., "TIES-Merging: Resolving Interference When Merging Models",
// arXiv:2306.01708; trim and sign rule as in the code that arXiv:2502.04959 compares with.
#pragma once

#include <memory>

#include "merge/elementwise.h"

namespace isomerge {

struct TiesOptions {
  double keep = 0.2;           // share of the entries that survive the trim, in [0, 1]
  bool is_per_tensor = false;  // trim and majority by tensor instead of over the whole update
  bool takes_mean = true;      // of the agreeing entries; false: their sum
};

// With x_t the whole update of task t, d entries, zeros included:
//
//     trim    keep entries with |x_t| >= the (d - floor(keep d))-th smallest magnitude, ties kept
//     elect   g = sign(sum_t trimmed); where that is 0: the sign of the sum of g over all entries,
//             + if that is 0 too
//     merge   mean over tasks of the trimmed entries that are not zero and have sign g
//
// cost  fp32: four passes over all updates (selection, majority, merge); fp64: six. Without a trim
//       (keep = 1) two.
std::shared_ptr<ElementwiseRule> ties_rule(const TiesOptions& options,
                                           const BlockChange& change = {});

}  // namespace isomerge
