#include "factor/factors.h"

#include <algorithm>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "factor/factor_cache.h"
#include "linalg/product.h"

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

// Raised when the numbers that are stored change.
constexpr int kRevision = 1;

std::string factor_key(const std::string& kind, const std::vector<std::string>& parts) {
  Hasher hasher;
  hasher.update(fmt::format("isomerge factor {} {}", kRevision, kind));
  for (const std::string& part : parts) hasher.update(part);
  return hasher.digest();
}

bool is_wide(const at::Tensor& a) { return a.size(0) <= a.size(1); }

// Nothing where the eigenpairs failed their check: such a matrix is not worth remembering.
Weights weights_of(const SymmetricEigen& eigen) {
  if (!eigen.is_sound) return {};
  return {{"values", eigen.values.contiguous()},
          {"vectors", eigen.vectors.contiguous()},
          {"next", at::full({1}, eigen.next, at::kDouble)}};
}

SymmetricEigen eigen_from(const Weights& weights) {
  SymmetricEigen eigen;
  eigen.is_sound = !weights.empty();
  if (!eigen.is_sound) return eigen;
  eigen.values = weights.at("values");
  eigen.vectors = weights.at("vectors");
  eigen.next = weights.at("next").item<double>();
  return eigen;
}

}  // namespace

FactorSource factor_source(FactorCache* cache, const std::vector<std::string>& hashes) {
  FactorSource source{cache, {}};
  for (size_t t = 1; cache != nullptr && t < hashes.size(); ++t) {
    source.update_keys.push_back(Hasher().update(hashes[0]).update(hashes[t]).digest());
  }
  return source;
}

template <typename Usable, typename Compute>
Weights Factors::cached(const std::string& key, const Usable& is_usable,
                        const Compute& compute) const {
  if (source_.cache == nullptr) return compute();
  if (auto stored = source_.cache->find(key)) {
    if (is_usable(*stored)) return *stored;
  }
  Weights computed = compute();
  if (!computed.empty()) source_.cache->put(key, computed);
  return computed;
}

Factors::Factors(std::vector<Update> updates, FactorSource source)
    : updates_(std::move(updates)), source_(std::move(source)) {
  require_same_kind(updates_);
  if (updates_.front().shape().size() != 2) throw input_error("updates are not 2-D");
  rank_ = std::min(update(0).size(0), update(0).size(1));
  if (dtype() == at::kDouble) *this = by_lapack();
}

Factors Factors::by_lapack() const {
  Factors same = *this;
  same.route_ = Route::kLapack;
  same.source_ = {};
  return same;
}

at::Tensor Factors::sum() const {
  at::Tensor sum = update(0).to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
  for (int64_t t = 1; t < tasks(); ++t) sum.add_(update(t));
  return sum;
}

std::string Factors::sum_key() const { return factor_key("sum", source_.update_keys); }

SymmetricEigen Factors::sum_eigen(const at::Tensor& sum) const {
  const auto any = [](const Weights&) { return true; };
  return eigen_from(cached(sum_key(), any, [&] {
    return weights_of(all_eigenpairs(gram_of_rows(short_side_rows(sum))));
  }));
}

SymmetricEigen Factors::task_eigen(int64_t t, int64_t k) const {
  const auto compute = [&] {
    return leading_eigenpairs(gram_of_rows(short_side_rows(update(t))), k);
  };
  if (source_.cache == nullptr) return compute();
  const auto has_enough = [&](const Weights& stored) { return stored.at("values").numel() >= k; };
  return eigen_from(cached(factor_key("task", {source_.update_keys[static_cast<size_t>(t)]}),
                           has_enough, [&] { return weights_of(compute()); }));
}

Svd Factors::triplets(int64_t t, int64_t k) const {
  if (route() == Route::kLapack) return leading_triplets(update(t), k, Route::kLapack);
  return leading_triplets(update(t), task_eigen(t, k), k);
}

Residuals::Residuals(const Factors& factors, const at::Tensor& sum, const SymmetricEigen& eigen,
                     const LeftSpace& space)
    : factors_(factors), sum_(sum), eigen_(eigen), space_(space), common_(space.u.size(1)) {
  constexpr double kSafe = 1e-4;  // condition up to which all left vectors are orthonormal enough
  if (!eigen.values.defined()) return;
  const at::Tensor s = singular_values(eigen);
  // A fraction of one half leaves this much to the common space: what is left is divided by T.
  kept_from_ = std::max<int64_t>(factors.rank() / 2 - factors.tasks(), 0);
  is_cached_ = factors.source_.cache != nullptr && common_ >= kept_from_ &&
               (is_wide(sum) || s[-1].item<double>() > kSafe * s[0].item<double>());
}

// m <= n: the Gram matrix of D_t in the directions from kept_from_ on; a common space of k takes
// the block from k on. m > n: with B = U^T D_t, what lies outside the sum's whole left space and
// the rows of B from kept_from_ on; those from k on belong to the residual as well.
Weights Residuals::kept_parts(const at::Tensor& d) {
  const int64_t rest = factors_.rank() - kept_from_;
  if (is_wide(d)) {
    const at::Tensor directions = eigen_.vectors.narrow(1, kept_from_, rest);
    return {{"block", gram_of_rows(multiply(directions.t(), d))}};
  }
  if (!left_.defined()) left_ = multiply(sum_, eigen_.vectors) / singular_values(eigen_);
  const at::Tensor columns = d.t();
  const at::Tensor inside = multiply(columns, left_);  // [n, r]
  return {{"outside", gram_of_rows(columns).sub_(gram_of_rows(inside))},
          {"tail", inside.narrow(1, kept_from_, rest).contiguous()}};
}

at::Tensor Residuals::gram(int64_t t, const at::Tensor& d) {
  if (!is_cached_) return residual_gram(d, space_);
  const auto any = [](const Weights&) { return true; };
  const std::string& update_key = factors_.source_.update_keys[static_cast<size_t>(t)];
  const Weights parts = factors_.cached(
      factor_key(fmt::format("residual from {}", kept_from_), {factors_.sum_key(), update_key}),
      any, [&] { return kept_parts(d); });
  const int64_t skipped = common_ - kept_from_, rest = factors_.rank() - common_;
  if (is_wide(d)) {
    return parts.at("block").narrow(0, skipped, rest).narrow(1, skipped, rest).contiguous();
  }
  return parts.at("outside") + gram_of_rows(parts.at("tail").narrow(1, skipped, rest));
}

Svd Residuals::triplets(int64_t t, int64_t s) {
  const at::Tensor d = factors_.update(t).to(at::kDouble);
  return residual_triplets(d, space_, gram(t, d), s);
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
