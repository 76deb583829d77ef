#include "factor/factors.h"

#include <algorithm>
#include <utility>

#include <ATen/ops/isfinite.h>

#include "base/error.h"

namespace isomerge {
namespace {

void require_same_kind(const std::vector<Update>& updates) {
  if (updates.empty()) throw input_error("no updates to merge");
  const at::Tensor& first = updates.front().dense();
  for (const Update& update : updates) {
    if (update.shape() != first.sizes() || update.dense().scalar_type() != first.scalar_type()) {
      throw input_error("updates differ in shape or dtype");
    }
  }
}

}  // namespace

Factors::Factors(std::vector<Update> updates) : updates_(std::move(updates)) {
  require_same_kind(updates_);
  if (updates_.front().shape().size() != 2) throw input_error("updates are not 2-D");
  for (const Update& update : updates_) {
    if (!at::isfinite(update.dense()).all().item<bool>()) {
      throw input_error("an update has NaN or Inf");
    }
  }
  rank_ = std::min(update(0).size(0), update(0).size(1));
  if (dtype() == at::kDouble) route_ = Route::kLapack;
}

Factors Factors::by_lapack() const {
  Factors same = *this;
  same.route_ = Route::kLapack;
  return same;
}

at::Tensor Factors::sum() const {
  at::Tensor sum = update(0).to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
  for (int64_t t = 1; t < tasks(); ++t) sum.add_(update(t));
  return sum;
}

SymmetricEigen Factors::sum_eigen(const at::Tensor& sum) const {
  return all_eigenpairs(gram_of_rows(sum.size(0) <= sum.size(1) ? sum : sum.t().contiguous()));
}

Svd Factors::triplets(int64_t t, int64_t k) const {
  return leading_triplets(update(t), k, route());
}

Svd Factors::residual_triplets(int64_t t, const LeftSpace& space, const SymmetricEigen&,
                               int64_t s) const {
  const at::Tensor d = update(t).to(at::kDouble);
  return isomerge::residual_triplets(d, space, residual_gram(d, space), s);
}

at::Tensor sum_of_updates(const std::vector<Update>& updates) {
  require_same_kind(updates);
  at::Tensor sum = updates.front().dense().clone();
  for (size_t t = 1; t < updates.size(); ++t) sum.add_(updates[t].dense());
  return sum;
}

at::Tensor mean_of_updates(const std::vector<Update>& updates) {
  return sum_of_updates(updates).div_(static_cast<double>(updates.size()));
}

}  // namespace isomerge
