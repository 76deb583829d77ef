// task/update.h -- what one task changed in one tensor.
#pragma once

#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/ops/mm.h>

#include "checkpoint/adapter.h"

namespace isomerge {

// D_t = expert - base of one tensor, or rows of it: dense, or the factors of an adapter.
class Update {
 public:
  explicit Update(at::Tensor dense) : dense_(std::move(dense)) {}
  explicit Update(LowRank factors) : factors_(std::move(factors)) {}

  bool is_low_rank() const { return factors_.b.defined(); }
  const LowRank& factors() const { return factors_; }

  const at::Tensor& dense() const { return dense_; }  // undefined where it is of low rank
  at::IntArrayRef shape() const { return dense_.sizes(); }

  // The same as one dense tensor of this dtype. Cost: of factors, 2 m n R flops.
  Update as_dense(at::ScalarType dtype) const {
    return is_low_rank() ? Update(at::mm(factors_.b, factors_.a).to(dtype)) : *this;
  }

 private:
  at::Tensor dense_;
  LowRank factors_;
};

}  // namespace isomerge
