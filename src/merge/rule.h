// merge/rule.h -- what a method does: a rule for matrices, which sees all updates of one weight,
// and an element-wise rule for everything else, which sees blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "factor/factors.h"
#include "merge/elementwise.h"

namespace isomerge {

// How a linear system was solved by iteration (merge/mats.h).
struct SolverFindings {
  bool was_used = false;
  bool converged = false;
  int64_t iterations = 0;
  double first_residual = 0.0, last_residual = 0.0;
};

// What a person should know of one merged matrix.
struct Findings {
  int64_t cut = 0;        // directions that counted as zero (linalg/rank.h, null_threshold)
  int64_t fallbacks = 0;  // factorisations that failed their check and were done by LAPACK
  int64_t tied = 0;       // cuts between singular values too close for a unique answer
  // Factorisations that LAPACK repeated in fp64, since rounding could have decided which directions
  // count (linalg/rank.h, Rank).
  int64_t repeats = 0;
  SolverFindings solver = {};
};

struct Merged {
  at::Tensor update;  // the shape and dtype of the task updates; not yet scaled by alpha
  Findings findings = {};
  // The same as b a where it was computed from cores (factor/core.h); the rows of a are
  // orthonormal.
  LowRank factors = {};
};

// Where a matrix comes from.
struct MatrixPlace {
  TensorInfo info = {};  // of the whole tensor
  int64_t first = 0;  // its row at which the matrix starts: above 0 for parts of packed attention
  at::Tensor base = {};  // [m, n], compute dtype
};

// Takes the updates, so that each is gone from memory once it was used.
using MatrixRule = std::function<Merged(Factors, const MatrixPlace&)>;

// T matrices in a basis that they share: D_t = basis C_t.
struct Coordinates {
  at::Tensor basis;                 // [m, p], fp64, orthonormal columns
  std::vector<at::Tensor> updates;  // T, the C_t [p, n], contiguous, compute dtype
};

// The coordinates of dense updates, or of those of adapters; `dtype` is that of the computation.
using CoordinateRule = std::function<Coordinates(const std::vector<Update>&, at::ScalarType dtype)>;

// What a matrix rule will need for T matrices [m, n] in fp32, by counting its products.
struct MatrixCost {
  int64_t common = 0, per_task = 0;  // ranks k and s; 0 where a method has none
  double products = 0.0;             // flops of matrix products in fp64
  double eigen = 0.0;                // sum of r^3 over the eigenproblems, of size r each
  uint64_t workspace = 0;            // bytes beside the T updates, the base and the result
  // What of it all merges of the same T matrices in one pass need once, and the bytes of that.
  double shared_products = 0.0, shared_eigen = 0.0;
  uint64_t shared_bytes = 0;
};

// The rules of one method. A method without a rule for matrices treats every tensor alike.
struct Rules {
  std::shared_ptr<ElementwiseRule> other;
  MatrixRule matrix = {};                                   // [m, n]; may be empty
  std::function<bool(const std::string& name)> takes = {};  // which matrices; empty: all
  // Which vectors `matrix` sees whole, as one column [n, 1]; empty: none.
  std::function<bool(const std::string& name)> takes_vector = {};
  std::function<MatrixCost(int64_t m, int64_t n, int64_t tasks)> matrix_cost = {};  // of matrices
  // Of D_t = U C_t V^T with orthonormal columns in U and V, `matrix` gives U M V^T where of the C_t
  // it gives M: it may have the cores of adapters.
  bool takes_cores = false;
  // Instead of `matrix`: an element-wise rule over the coordinates of matrices, and what they are.
  CoordinateRule coordinates = {};
  std::shared_ptr<ElementwiseRule> in_coordinates = {};  // with `coordinates`

  bool has_matrix_rule() const { return matrix || coordinates; }
  bool takes_low_rank() const { return takes_cores || coordinates; }  // updates as factors
};

// One of several merges that are done in one pass over the same files. What they have in common, be
// it a factor or the reading, is done once.
struct MergePoint {
  Rules rules;
  std::vector<size_t> tasks;  // which of the T updates, in this order
};

}  // namespace isomerge
