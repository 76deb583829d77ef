// merge/basis_stack.h -- singular bases of several matrices side by side, made orthonormal
// together.
#pragma once

#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "linalg/polar.h"
#include "linalg/svd.h"
#include "merge/rule.h"

namespace isomerge {

// The blocks [U_1 ... U_B] and [V_1 ... V_B] that TSV-M and Iso-CTS orthogonalise.
class BasisStack {
 public:
  BasisStack(Route route, NullSpace null_space) : route_(route), null_space_(null_space) {}

  // Appends triplets. Those whose value does not exceed `threshold` are left out of both stacks
  // (kZero): their vectors are arbitrary. Where kGram leaves in doubt which they are, the triplets
  // of by_lapack() take their place.
  void append(Svd triplets, double threshold, const std::function<Svd()>& by_lapack);

  // Appends triplets that all count.
  void append(const Svd& triplets);

  bool is_empty() const { return u_.empty(); }

  struct Orthonormal {
    OrthonormalBasis u, v;  // [m, c], [n, c]
    at::Tensor s;           // [c] the values as appended
  };

  // The polar factors of both stacks, and what there is to say of them. r: full rank of the
  // matrices that the triplets come from. first_is_orthonormal: the first block's columns are
  // orthonormal on both sides, which saves work. Not for an empty stack. Uses the stack up.
  // cost  orthonormalise() of [m, c] and [n, c].
  Orthonormal orthonormalise(int64_t r, bool first_is_orthonormal, Findings* findings) &&;

 private:
  Route route_;
  NullSpace null_space_;
  std::vector<at::Tensor> u_, s_, v_;
  int64_t left_out_ = 0, fallbacks_ = 0, repeats_ = 0;
};

}  // namespace isomerge
