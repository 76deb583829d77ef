// merge/mats.h -- MaTS: merging as a linear system in every matrix, solved by conjugate gradients.
//
// Source: Tam, Bansal and Raffel, "Merging by Matching Models in Task Parameter Subspaces",
// arXiv:2312.04339, by its released code.
#pragma once

#include <string>
#include <vector>

#include "linalg/conjugate_gradients.h"
#include "merge/rule.h"

namespace isomerge {

enum class MatsStart { kTaskArithmetic, kAverage, kBase, kZero };

struct MatsOptions {
  ConjugateGradientsOptions solver;
  MatsStart start = MatsStart::kTaskArithmetic;
  double start_alpha = 0.3;  // of task arithmetic
};

// One objective: what weighs the differences to the experts' W_t. Empty: the identity.
struct MatsMetric {
  std::vector<at::Tensor> inputs;   // T of [n, n]
  std::vector<at::Tensor> outputs;  // T of [m, m]
  std::vector<at::Tensor> entries;  // T of [m, n]: diagonal Fisher information
};

// Solves  sum_t C_t(W) = sum_t C_t(W_t)  for W [m, n], C_t(W) = B_t W A_t with B_t of `outputs`,
// A_t of `inputs` (K-FAC; either may be left out, and a vector is one column whose block of Fisher
// information is B_t), or F_t * W entry by entry, or W; from the start chosen, in the updates'
// dtype (fp32 in the released code). The result is W - base. The number of steps, whether it
// converged and the residuals are findings. Inputs alone, or outputs alone, are summed first: then
// a step costs one product; with inputs alone and many steps allowed none, since they are taken in
// the basis of the sum's eigenvectors, in which they are the same.
// cost  (2 m n^2 + 2 m^2 n) (T + steps T) flops; inputs alone: 2 m n^2 T and the eigenproblem
Merged merge_mats(const Factors& factors, const at::Tensor& base, const MatsMetric& metric,
                  const MatsOptions& options);

MatrixCost mats_cost(int64_t m, int64_t n, int64_t tasks, int64_t iterations);

}  // namespace isomerge
