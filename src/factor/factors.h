// factor/factors.h -- what methods ask of the T updates of one matrix: their sum, and the
// factorisations of the sum, of each task and of each task's residual.
#pragma once

#include <initializer_list>
#include <vector>

#include <ATen/core/Tensor.h>

#include "linalg/eigen.h"
#include "linalg/residual.h"
#include "linalg/svd.h"
#include "task/updates.h"

namespace isomerge {

// T matrices [m, n] of one weight, r = min(m, n). fp32 updates are factorised by Route::kGram, fp64
// updates by Route::kLapack, the reference. Every factor is fp64. Thread-compatible.
class Factors {
 public:
  // Not explicit: whoever has updates may pass them. Throws Error(kInput) unless they are T >= 1
  // finite matrices of one shape and dtype.
  Factors(std::vector<Update> updates);
  Factors(std::initializer_list<Update> updates) : Factors(std::vector<Update>(updates)) {}

  int64_t tasks() const { return static_cast<int64_t>(updates_.size()); }
  int64_t rank() const { return rank_; }  // r
  at::ScalarType dtype() const { return update(0).scalar_type(); }  // of the updates
  Route route() const { return route_; }
  const std::vector<Update>& updates() const { return updates_; }
  const at::Tensor& update(int64_t t) const { return updates_[static_cast<size_t>(t)].dense(); }

  // The same updates by LAPACK in fp64, whatever their dtype. They are shared, not copied.
  Factors by_lapack() const;

  // In which the last product of a method is done: fp64 by LAPACK, else the updates' own.
  at::ScalarType product_dtype() const { return route_ == Route::kLapack ? at::kDouble : dtype(); }

  // sum_t D_t in task order, fp64. Cost: T passes.
  at::Tensor sum() const;

  // All eigenpairs of the Gram matrix of the short side of `sum`, which is sum().
  SymmetricEigen sum_eigen(const at::Tensor& sum) const;

  // The k leading triplets of D_t.
  Svd triplets(int64_t t, int64_t k) const;

  // The s leading triplets of D_t outside `space`, the left space of the leading triplets of the
  // sum that `eigen` describes.
  Svd residual_triplets(int64_t t, const LeftSpace& space, const SymmetricEigen& eigen,
                        int64_t s) const;

 private:
  std::vector<Update> updates_;
  int64_t rank_ = 0;
  Route route_ = Route::kGram;
};

// sum_t D_t and (1/T) sum_t D_t, in task order and the updates' dtype.
// updates  T >= 1, one shape and dtype. Throws Error(kInput) otherwise.
// cost     T passes over the tensor.
at::Tensor sum_of_updates(const std::vector<Update>& updates);
at::Tensor mean_of_updates(const std::vector<Update>& updates);

}  // namespace isomerge
