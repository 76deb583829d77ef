// merge/basis_stack.h -- singular bases of several matrices side by side, made orthonormal
// together.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "linalg/svd.h"

namespace isomerge {

// The blocks [U_1 ... U_B] and [V_1 ... V_B] that TSV-M and Iso-CTS orthogonalise.
class BasisStack {
 public:
  explicit BasisStack(NullSpace null_space) : null_space_(null_space) {}

  // Appends triplets. Those whose value does not exceed `threshold` become zero columns in both
  // stacks (kZero): their vectors are arbitrary.
  void append(const Svd& triplets, double threshold);

  struct Orthonormal {
    at::Tensor u, s, vt;  // [m, c], [c] the values as appended, [c, n]
    int64_t cut = 0;      // directions that a polar factor left out; zero columns are among them
    bool is_doubtful = false;  // see Rank
  };

  // The polar factors of both stacks. r: full rank of the matrices that the triplets come from.
  // cost  two thin SVDs of [m, c] and [n, c].
  Orthonormal orthonormalise(int64_t r) const;

 private:
  NullSpace null_space_;
  std::vector<at::Tensor> u_, s_, vt_;
  bool is_doubtful_ = false;
};

}  // namespace isomerge
