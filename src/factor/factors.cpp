#include "factor/factors.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
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
constexpr int kRevision = 4;

std::string factor_key(const std::string& kind, const std::vector<std::string>& parts) {
  Hasher hasher;
  hasher.update(fmt::format("isomerge factor {} {}", kRevision, kind));
  for (const std::string& part : parts) hasher.update(part);
  return hasher.digest();
}

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

// Squares in fp32 take a quarter of the time that exact ones take, unless they leave its range.
double norm_bound_of(const at::Tensor& update) {
  constexpr double kMargin = 1.01, kSmall = 1e-24, kLarge = 1e36;
  const at::Tensor entries = update.reshape({-1});
  const double square = at::dot(entries, entries).item<double>();
  if (square > kSmall && square < kLarge) return kMargin * std::sqrt(square);
  return at::linalg_vector_norm(entries, 2, at::OptionalIntArrayRef(), false, at::kDouble)
      .item<double>();
}

}  // namespace

FactorSource factor_source(FactorStore* store, const std::vector<std::string>& hashes) {
  FactorSource source{store, {}, {}};
  for (size_t t = 1; store != nullptr && t < hashes.size(); ++t) {
    source.update_keys.push_back(Hasher().update(hashes[0]).update(hashes[t]).digest());
  }
  return source;
}

template <typename Usable, typename Compute>
Weights Factors::stored(const std::string& key, const Usable& is_usable, const Compute& compute,
                        Use use) const {
  if (source_.store == nullptr || !source_.store->keeps(use)) return compute();
  if (auto known = source_.store->find(key)) {
    if (is_usable(*known)) return *known;
  }
  Weights computed = compute();
  if (!computed.empty()) source_.store->put(key, computed, use);
  return computed;
}

template <typename Make, typename Grow>
at::Tensor Factors::grown(const std::string& key, int64_t to, const Make& make,
                          const Grow& grow) const {
  at::Tensor out;
  if (const auto known = source_.store->find(key)) {
    const int64_t from = known->at("position").item<int64_t>();
    if (from == to) return known->at("grown");
    if (from < to) out = grow(known->at("grown"), from);
  }
  if (!out.defined()) out = make();
  source_.store->put(key, {{"grown", out}, {"position", at::full({1}, to, at::kLong)}},
                     Use::kAtHand);
  return out;
}

Factors::Factors(std::vector<Update> updates, FactorSource source)
    : updates_(std::move(updates)), source_(std::move(source)) {
  require_same_kind(updates_);
  if (updates_.front().shape().size() != 2) throw input_error("updates are not 2-D");
  rank_ = directions_ = std::min(update(0).size(0), update(0).size(1));
  if (dtype() == at::kDouble) *this = by_lapack();
}

Factors::Factors(std::vector<Update> cores, int64_t rank, Route route)
    : updates_(std::move(cores)), rank_(rank), route_(route) {
  require_same_kind(updates_);
  directions_ = std::min(update(0).size(0), update(0).size(1));
}

Factors Factors::by_lapack() const {
  Factors same = *this;
  same.route_ = Route::kLapack;
  same.source_ = {};
  return same;
}

// By blocks that stay in the cache while all tasks are added.
at::Tensor Factors::sum() const {
  constexpr int64_t kEntries = int64_t{1} << 16;
  at::Tensor sum = at::empty(update(0).sizes(), update(0).options().dtype(at::kDouble));
  const int64_t rows = sum.size(0),
                step = std::max<int64_t>(kEntries / std::max<int64_t>(sum.size(1), 1), 1);
  for (int64_t first = 0; first < rows; first += step) {
    const int64_t count = std::min(step, rows - first);
    at::Tensor block = sum.narrow(0, first, count);
    block.copy_(update(0).narrow(0, first, count));
    for (int64_t t = 1; t < tasks(); ++t) block.add_(update(t).narrow(0, first, count));
  }
  return sum;
}

double Factors::norm_bound(int64_t t) const {
  if (source_.store == nullptr) return norm_bound_of(update(t));
  const auto any = [](const Weights&) { return true; };
  const auto compute = [&] {
    return Weights{{"bound", at::full({1}, norm_bound_of(update(t)), at::kDouble)}};
  };
  const std::string key = factor_key("norm bound", {source_.update_keys[static_cast<size_t>(t)]});
  return stored(key, any, compute, Use::kAtHand).at("bound").item<double>();
}

int64_t Factors::rank_of_sum() const {
  const at::Tensor sum = this->sum();
  const auto count = [&](const at::Tensor& s) {
    return rank_above(s, null_threshold(rank_, s[0].item<double>()));
  };
  if (route_ == Route::kGram) {
    const SymmetricEigen eigen = sum_eigen(sum);
    if (eigen.is_sound) {
      const Rank rank = count(isomerge::singular_values(eigen));
      if (!rank.is_doubtful) return rank.kept;
    }
  }
  return count(all_singular_values(sum, Route::kLapack)).kept;
}

std::string Factors::sum_key() const { return factor_key("sum", source_.update_keys); }

SymmetricEigen Factors::sum_eigen(const at::Tensor& sum) const {
  return sum_eigen_by([&] { return sum; });
}

SymmetricEigen Factors::sum_eigen_by(const std::function<at::Tensor()>& sum) const {
  const auto any = [](const Weights&) { return true; };
  return eigen_from(stored(sum_key(), any, [&] {
    return weights_of(all_eigenpairs(gram_of_rows(short_side_rows(sum()))));
  }));
}

Factors::SumVectors Factors::sum_vectors(int64_t k) const {
  at::Tensor sum;  // only where something of it is not in the store
  const auto known_sum = [&] {
    if (!sum.defined()) sum = this->sum();
    return sum;
  };
  SumVectors out;
  out.eigen = sum_eigen_by(known_sum);
  if (!out.eigen.is_sound) return out;
  if (source_.store == nullptr) {
    out.others = long_side_vectors(known_sum(), out.eigen, k);
    return out;
  }
  const auto any = [](const Weights&) { return true; };
  const Weights known = stored(factor_key("sum, long side", source_.update_keys), any, [&] {
    return Weights{{"others", long_side_vectors(known_sum(), out.eigen, directions())}};
  });
  out.others = known.at("others");
  return out;
}

at::Tensor Factors::leading_isometry(const SumVectors& vectors, int64_t k) const {
  if (!vectors.others.defined() || source_.store == nullptr ||
      !source_.store->keeps(Use::kAtHand)) {
    return {};
  }
  const bool is_wide = update(0).size(0) <= update(0).size(1);
  const auto sides = [&](int64_t from) {
    const at::Tensor shorts = vectors.eigen.vectors.narrow(1, from, k - from).to(dtype());
    const at::Tensor longs = vectors.others.narrow(0, from, k - from).to(dtype());
    return is_wide ? std::pair(shorts, longs) : std::pair(longs.t(), shorts.t());
  };
  const auto make = [&] {
    const auto [left, right] = sides(0);
    return multiply(left, right);
  };
  const auto grow = [&](const at::Tensor& known, int64_t from) {
    const auto [left, right] = sides(from);
    return at::addmm(known, left, right);
  };
  return grown(factor_key("neighbour's isometry", source_.update_keys), k, make, grow);
}

SymmetricEigen Factors::task_eigen(int64_t t, int64_t k) const {
  const auto compute = [&] {
    return leading_eigenpairs(gram_of_rows(short_side_rows(update(t))), k);
  };
  if (source_.store == nullptr) return compute();
  const auto has_enough = [&](const Weights& known) { return known.at("values").numel() >= k; };
  return eigen_from(stored(factor_key("task", {source_.update_keys[static_cast<size_t>(t)]}),
                           has_enough, [&] { return weights_of(compute()); }));
}

Svd Factors::triplets(int64_t t, int64_t k) const {
  if (route() == Route::kLapack) return leading_triplets(update(t), k, Route::kLapack);
  return leading_triplets(update(t), task_eigen(t, k), k);
}

Residuals::Residuals(const Factors& factors, const Factors::SumVectors& sum, const LeftSpace& space)
    : factors_(factors), sum_(sum), space_(space), common_(space.u.size(1)) {
  constexpr double kSafe = 1e-4;  // condition up to which all left vectors are orthonormal enough
  if (!sum.others.defined() || factors.source_.store == nullptr) return;
  const at::Tensor s = singular_values(sum.eigen);
  // A fraction of one half leaves this much to the common space: what is left is divided by T.
  const int64_t half = std::max<int64_t>(factors.directions() / 2 - factors.tasks(), 0);
  kept_from_ = factors.source_.least_common.value_or(half);
  is_stored_ = common_ >= kept_from_ &&
               (space.complement.defined() || s[-1].item<double>() > kSafe * s[0].item<double>());
  has_neighbours_ = is_stored_ && factors.source_.store->keeps(Use::kAtHand);
}

std::string Residuals::key(const char* what, int64_t t) const {
  return factor_key(fmt::format("{} from {}", what, kept_from_),
                    {factors_.sum_key(), factors_.source_.update_keys[static_cast<size_t>(t)]});
}

// m <= n: D_t in the directions of the sum from kept_from_ on, [r - kept_from_, n]. m > n: its rows
// in all directions of the sum, as columns, [n, r].
at::Tensor Residuals::projection(int64_t t) const {
  const at::Tensor& d = factors_.update(t);
  const auto any = [](const Weights&) { return true; };
  const auto compute = [&] {
    if (!space_.complement.defined()) return multiply(d.t(), sum_.others.t());
    const int64_t rest = factors_.directions() - kept_from_;
    return multiply(sum_.eigen.vectors.narrow(1, kept_from_, rest).t(), d);
  };
  return factors_
      .stored(
          key("projection", t), any,
          [&] {
            return Weights{{"entries", compute()}};
          },
          Use::kAtHand)
      .at("entries");
}

// m <= n: the Gram matrix of the projection; a common space of k takes the block from k on. m > n:
// with B = U^T D_t, what lies outside the sum's whole left space and the rows of B from kept_from_
// on; those from k on belong to the residual as well.
Weights Residuals::kept_parts(int64_t t) const {
  const at::Tensor inside = projection(t);
  if (space_.complement.defined()) return {{"block", gram_of_rows(inside)}};
  const int64_t rest = factors_.directions() - kept_from_;
  return {{"outside", gram_of_rows(factors_.update(t).t()).sub_(gram_of_rows(inside))},
          {"tail", inside.narrow(1, kept_from_, rest).contiguous()}};
}

// From what lies outside, or from a neighbour's with a smaller common space.
at::Tensor Residuals::tall_gram(int64_t t, const Weights& parts) const {
  const at::Tensor& tail = parts.at("tail");
  const int64_t skipped = common_ - kept_from_;
  const auto make = [&] {
    const int64_t rest = tail.size(1) - skipped;
    return gram_of_rows(tail.narrow(1, skipped, rest), parts.at("outside"));
  };
  const auto grow = [&](const at::Tensor& known, int64_t from) {
    return known - gram_of_rows(tail.narrow(1, from, skipped - from));
  };
  return has_neighbours_ ? factors_.grown(key("neighbour's residual", t), skipped, make, grow)
                         : make();
}

at::Tensor Residuals::gram(int64_t t) const {
  if (!is_stored_) return residual_gram(factors_.update(t), space_);
  const auto any = [](const Weights&) { return true; };
  const Weights parts = factors_.stored(key("residual", t), any, [&] { return kept_parts(t); });
  const int64_t skipped = common_ - kept_from_, rest = factors_.directions() - common_;
  if (space_.complement.defined()) {
    return parts.at("block").narrow(0, skipped, rest).narrow(1, skipped, rest);
  }
  return tall_gram(t, parts);
}

Svd Residuals::triplets(int64_t t, int64_t s) const {
  KnownParts known;
  if (has_neighbours_) {
    const at::Tensor all = projection(t);
    known.inside = space_.complement.defined()
                       ? all.narrow(0, common_ - kept_from_, factors_.directions() - common_)
                       : all.narrow(1, 0, common_).t();
  }
  if (!space_.complement.defined()) known.norm = factors_.norm_bound(t);
  return residual_triplets(factors_.update(t), space_, leading_eigenpairs(gram(t), s), s, known);
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
