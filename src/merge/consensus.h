// merge/consensus.h -- TALL masks and Consensus Task Arithmetic.
//
// Source: Wang et al., "Localizing Task Information for Improved Model Merging and Compression",
// arXiv:2405.07813.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "merge/elementwise.h"

namespace isomerge {

// lambda_t: one number for all tasks, overridden for those that are named.
struct Lambdas {
  double common = 0.4;
  std::map<std::string, double> by_task = {};
};

// "cars=0.2,dtd=0.4" -> lambdas by task. Throws Error(kInput) on anything else.
std::map<std::string, double> parse_lambdas(const std::string& text);

// With d = sum_t D_t, entry by entry:
//
//     m_t    = |D_t| > lambda_t |d - D_t|          the TALL mask of task t
//     result = d where at least min_tasks of the m_t hold, else 0
//
// Sums and comparisons are done in fp64. cost  one pass.
std::shared_ptr<ElementwiseRule> consensus_rule(const Lambdas& lambdas, int64_t min_tasks);

// m_t d: the sum, masked for one task. The model base + m_t d is what the published
// search for lambda_t evaluates, at alpha 1.
std::shared_ptr<ElementwiseRule> tall_mask_rule(double lambda, const std::string& task);

}  // namespace isomerge
