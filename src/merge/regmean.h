// merge/regmean.h -- RegMean: the linear layer whose outputs are nearest to all experts' outputs.
//
// Source: Jin et al., "Dataless Knowledge Fusion by Merging Weights of Language Models",
// arXiv:2212.09849, Eq. 2, as MaTS (arXiv:2312.04339) runs it.
#pragma once

#include <vector>

#include "merge/rule.h"

namespace isomerge {

// With G_t [n, n] the mean of x x^T over the inputs of expert t:
//
//     merged update = (sum_t D_t G_t) (sum_t G_t)^-1
//
// so that with alpha 1 the model is (sum_t W_t G_t) (sum_t G_t)^-1. By Cholesky in fp64. Where the
// sum is singular (inputs that never occur), the smallest solution: the base keeps its values
// there; the number of such directions is a finding. (The published code removes inputs that are
// zero throughout and gives their weights the value 0.)
// grams  T, changed
// cost   2 m n^2 (T + 1) + n^3 / 3 flops
Merged merge_regmean(const Factors& factors, std::vector<at::Tensor> grams, double off_diagonal);

MatrixCost regmean_cost(int64_t m, int64_t n, int64_t tasks);

}  // namespace isomerge
