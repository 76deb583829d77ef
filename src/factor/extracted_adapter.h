// factor/extracted_adapter.h -- extracts a LoRA adapter from a full expert: the best approximation
// of its update by matrices of low rank.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <c10/core/ScalarType.h>

#include "checkpoint/adapter.h"
#include "checkpoint/adapter_writer.h"
#include "linalg/rank.h"

namespace isomerge {

struct ExtractionOptions {
  std::optional<int64_t> rank;        // of every matrix (at most its own); either this
  std::optional<double> error;        // or, per matrix, the largest relative error; in (0, 1)
  bool drop_others = false;           // tensors that an adapter cannot hold stay as in the base
  at::ScalarType dtype = at::kFloat;  // of the factors
  int threads = 1;
};

// One matrix that fine-tuning changed.
struct ExtractedMatrix {
  std::string name;
  int64_t rank = 0;
  double norm = 0.0;      // ||D||_F of D = expert - base
  double residual = 0.0;  // ||D - b a||_F of the factors as written
  double error() const { return residual / norm; }
};

// b = U sqrt(S) and a = sqrt(S) V^T of the leading singular triplets, in `dtype`.
struct Extracted {
  ExtractedMatrix matrix;
  LowRankWeight factors;
};

// Of a matrix d [m, n], fp32 or fp64, the best of this rank, 1..min(m, n). Cost: leading_triplets()
// and the product of the factors.
Extracted extract_rank(const std::string& name, const at::Tensor& d, int64_t rank,
                       at::ScalarType dtype, Route route);

// Of a product b a, where the rows of a [p, n] are orthonormal; rank 1..p. Cost: an SVD of b [m,
// p].
Extracted extract_rank(const std::string& name, const LowRank& product, int64_t rank,
                       at::ScalarType dtype);

struct ExtractionSummary {
  std::vector<ExtractedMatrix> matrices;  // in the order of the base
  size_t unchanged = 0;                   // floating tensors that are as in the base
  std::vector<std::string> dropped;       // changed, and left out: with drop_others

  // sqrt(sum residual^2 / sum norm^2) over the matrices.
  double total_error() const;
};

// Writes the PEFT adapter `out` (checkpoint/adapter_writer.h): b = U sqrt(S) and a = sqrt(S) V^T of
// the leading singular triplets of each changed matrix, K of them, or the fewest whose error is at
// most E. Bytes do not depend on the number of threads.
//
// throws  Error(kInput): not exactly one of rank and error, or one that makes no sense; files that
// do
//         not fit each other; values with NaN or Inf; changed tensors that an adapter cannot hold,
//         all named; nothing that changed; an error that factors of this dtype cannot reach;
//         an adapter that would replace an input.
//         Nothing is written then.
// memory  `threads` matrices with their workspace, and all factors
// cost    one eigenproblem of the short side per matrix
ExtractionSummary extract_adapter(const std::filesystem::path& expert,
                                  const std::filesystem::path& base,
                                  const std::filesystem::path& out,
                                  const ExtractionOptions& options);

}  // namespace isomerge
