// factor/factors.h -- what methods ask of the T updates of one matrix: their sum, and the
// factorisations of the sum, of each task and of each task's residual, from a store where
// they are there.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "factor/factor_store.h"
#include "linalg/eigen.h"
#include "linalg/residual.h"
#include "linalg/svd.h"
#include "task/updates.h"

namespace isomerge {

// Where factors may be found, and what identifies the updates they belong to.
struct FactorSource {
  FactorStore* store = nullptr;               // none: everything is computed
  std::vector<std::string> update_keys = {};  // T, hashes of what each update was formed from
  // The smallest common space that anybody will ask the store's residuals for; nothing: half of r.
  std::optional<int64_t> least_common = {};
};

// The source of updates that were formed from tensors with these hashes: the base's, then the T
// experts' (Updates::Loaded).
FactorSource factor_source(FactorStore* store, const std::vector<std::string>& hashes);

// T matrices [m, n] of one weight, r = min(m, n). fp32 updates are factorised by Route::kGram, fp64
// updates by Route::kLapack, the reference, which uses no store. Every factor is fp64.
class Factors {
 public:
  // Not explicit: whoever has updates may pass them. They are finite, as Updates::load() makes
  // sure. Throws Error(kInput) unless they are T >= 1 matrices of one shape and dtype.
  Factors(std::vector<Update> updates, FactorSource source = {});
  Factors(std::initializer_list<Update> updates) : Factors(std::vector<Update>(updates)) {}

  // Cores of updates of matrices with this r (factor/core.h), which are factorised by this route
  // and kept in no store.
  Factors(std::vector<Update> cores, int64_t rank, Route route);

  int64_t tasks() const { return static_cast<int64_t>(updates_.size()); }
  int64_t rank() const { return rank_; }  // r, of the weight
  // How many singular directions the matrices at hand have: r, or fewer where they are cores. What
  // is beyond is zero.
  int64_t directions() const { return directions_; }
  at::ScalarType dtype() const { return update(0).scalar_type(); }  // of the updates
  Route route() const { return route_; }
  const at::Tensor& update(int64_t t) const { return updates_[static_cast<size_t>(t)].dense(); }

  // The same updates by LAPACK in fp64, whatever their dtype. They are shared, not copied.
  Factors by_lapack() const;

  // In which the last product of a method is done: fp64 by LAPACK, else the updates' own.
  at::ScalarType product_dtype() const { return route_ == Route::kLapack ? at::kDouble : dtype(); }

  // D_t is needed no more: its memory is free once nobody else holds it.
  void release(int64_t t) { updates_[static_cast<size_t>(t)] = Update(at::Tensor()); }

  // sum_t D_t in task order, fp64. Cost: T passes.
  at::Tensor sum() const;

  // Not below the Frobenius norm of D_t and at most a hundredth above it. Cost: a pass over D_t.
  double norm_bound(int64_t t) const;

  // How many singular values of the sum count (linalg/rank.h, null_threshold). Cost: sum() and
  // sum_eigen(); by kLapack the values of one SVD.
  int64_t rank_of_sum() const;

  // All eigenpairs of the Gram matrix of the short side of `sum`, which is sum().
  SymmetricEigen sum_eigen(const at::Tensor& sum) const;

  // The singular vectors of the sum, by kGram.
  struct SumVectors {
    SymmetricEigen eigen;  // as sum_eigen()
    at::Tensor others;     // [k or more, long side]: long_side_vectors(); undefined if not sound
  };

  // With at least k vectors on the long side; with a store all r of them, and where it has them the
  // sum is not even formed. Cost: sum(), the eigenproblem, 2 m n k flops.
  SumVectors sum_vectors(int64_t k) const;

  // U_k V_k^T [m, n] of the k leading triplets of the sum, as `vectors` has them, in the updates'
  // dtype; undefined where no neighbours share it in the store, since it costs more than it saves a
  // single merge. Cost: 2 m n flops for each direction that no neighbour's has.
  at::Tensor leading_isometry(const SumVectors& vectors, int64_t k) const;

  // The k leading eigenpairs, or more, of the Gram matrix of the short side of D_t.
  SymmetricEigen task_eigen(int64_t t, int64_t k) const;

  // The k leading triplets of D_t.
  Svd triplets(int64_t t, int64_t k) const;

 private:
  friend class Residuals;

  // The factors under a key, or computed and stored; without a store just computed.
  template <typename Usable, typename Compute>
  Weights stored(const std::string& key, const Usable& is_usable, const Compute& compute,
                 Use use = Use::kAgain) const;
  // What belongs to a position of neighbours that come in rising order: grown from the one before,
  // which the store keeps at hand, or made. For stores that keep such things.
  template <typename Make, typename Grow>
  at::Tensor grown(const std::string& key, int64_t to, const Make& make, const Grow& grow) const;
  std::string sum_key() const;
  SymmetricEigen sum_eigen_by(const std::function<at::Tensor()>& sum) const;

  std::vector<Update> updates_;
  FactorSource source_;
  int64_t rank_ = 0, directions_ = 0;
  Route route_ = Route::kGram;
};

// What every task has outside the common left space of the sum's leading triplets, by kGram. What a
// store keeps of it serves every common space of FactorSource::least_common and more dimensions.
class Residuals {
 public:
  // sum: as Factors::sum_vectors() gave them. space: as leading_space() made it of them, or by
  // LAPACK; then `sum` is empty and the store is not used. All must outlive this object.
  Residuals(const Factors& factors, const Factors::SumVectors& sum, const LeftSpace& space);

  // The s leading triplets of D_t - U_c U_c^T D_t.
  Svd triplets(int64_t t, int64_t s) const;

 private:
  at::Tensor gram(int64_t t) const;
  at::Tensor projection(int64_t t) const;
  at::Tensor tall_gram(int64_t t, const Weights& parts) const;
  Weights kept_parts(int64_t t) const;
  std::string key(const char* what, int64_t t) const;

  const Factors& factors_;
  const Factors::SumVectors& sum_;
  const LeftSpace& space_;
  int64_t common_;         // dimensions of the space
  int64_t kept_from_ = 0;  // first direction that the store keeps
  bool is_stored_ = false;
  bool has_neighbours_ = false;  // merges of the same matrix at once, with other common spaces
};

// sum_t D_t and (1/T) sum_t D_t, in task order and the updates' dtype.
// updates  T >= 1, one shape and dtype. Throws Error(kInput) otherwise.
// cost     T passes over the tensor.
at::Tensor sum_of_updates(const std::vector<Update>& updates);
at::Tensor mean_of_updates(const std::vector<Update>& updates);

}  // namespace isomerge
