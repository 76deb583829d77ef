// merge/matrix_work.h -- what the rules of a merge do with one matrix: as it is, in the cores of
// adapters, or in coordinates.
#pragma once

#include <vector>

#include <c10/core/Device.h>

#include "factor/factors.h"
#include "merge/pieces.h"
#include "merge/rule.h"

namespace isomerge {

// One matrix, or vector, of a point, which its rules have to see: is_for_matrix_rule().
struct MatrixWork {
  const Piece& piece;
  const Rules& rules;
  const std::vector<std::string>& tasks;  // names
  at::ScalarType dtype = at::kFloat;      // of the computation
  c10::Device device = c10::Device(c10::kCPU);
};

// updates  T, dense in the dtype of the computation, or of low rank; consumed
// base     the piece's rows, compute dtype
// source   of factors, for dense updates
// returns  the update in the compute dtype, on the CPU, in the shape of `base`
Merged merge_matrix(const MatrixWork& work, std::vector<Update> updates, const at::Tensor& base,
                    FactorSource source);

// The matrix in coordinates, as its rule for them sees it: one block with all entries.
class CoordinateBlock {
 public:
  CoordinateBlock(const MatrixWork& work, const std::vector<Update>& updates);

  Block block() const;
  const at::Tensor& basis() const { return coordinates_.basis; }

 private:
  const MatrixWork work_;
  Coordinates coordinates_;
};

}  // namespace isomerge
