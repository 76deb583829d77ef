#include "linalg/refine.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros_like.h>

#include "linalg/probe.h"
#include "linalg/product.h"

namespace isomerge {
namespace {

constexpr int kRounds = 4;
constexpr int kLeastDegree = 4, kLargestDegree = 12;  // beyond, columns grow too much alike
constexpr int64_t kRandom = 4;                        // columns beside the start's

// Of the residuals of the first k pairs, relative to the gap behind them. Their norm bounds the
// angle between the two spans (Davis and Kahan), some fifty times too large where the values
// spread.
constexpr double kResidual = 3e-5;
constexpr double kSmallestGap = 1e-3;  // relative; closer values are as good as equal

// Orthonormal x [r, b] with x^T g x = diag(values), values descending, and g x - x diag(values).
struct Ritz {
  at::Tensor x, values, residual;

  Ritz leading(int64_t b) const {
    return {x.narrow(1, 0, b), values.narrow(0, 0, b), residual.narrow(1, 0, b)};
  }
  double edge() const { return values[-1].item<double>(); }
};

std::optional<Ritz> ritz_pairs(const at::Tensor& g, const at::Tensor& columns) {
  const at::Tensor q = std::get<0>(at::linalg_qr(columns));
  const at::Tensor image = multiply(g, q);
  const at::Tensor small = multiply(q.t(), image);
  const SymmetricEigen eigen = all_eigenpairs((small + small.t()).mul_(0.5));
  if (!eigen.is_sound) return std::nullopt;
  const at::Tensor x = multiply(q, eigen.vectors);
  return Ritz{x, eigen.values, multiply(image, eigen.vectors).sub_(x * eigen.values)};
}

// Values below the edge of the filter raised to it: columns that grew too much alike, of which
// rounding made something else.
Ritz above_edge(const Ritz& ritz, double edge) {
  const at::Tensor values = ritz.values.clamp_min(edge);
  return {ritz.x, values, ritz.residual + ritz.x * (ritz.values - values)};
}

// ||residuals of the first k|| / the gap behind them.
double distance(const Ritz& ritz, int64_t k) {
  const double last = ritz.values[k - 1].item<double>(), next = ritz.values[k].item<double>();
  const double gap = std::max(last - next, kSmallestGap * last);
  return at::linalg_vector_norm(ritz.residual.narrow(1, 0, k)).item<double>() / gap;
}

// The degree that should bring the k-th pair from this distance to a third of what is allowed: what
// the filter leaves of unwanted vectors is 1 / T_degree at the k-th value.
int degree_for(const Ritz& ritz, int64_t k, double distance) {
  const double edge = ritz.edge();
  const double at = 2.0 * ritz.values[k - 1].item<double>() / edge - 1.0;
  const double wanted = std::max(3.0 * distance / kResidual, 2.0);
  const double degree = std::ceil(std::acosh(wanted) / std::acosh(std::max(at, 1.0 + 1e-6)));
  return static_cast<int>(std::clamp<double>(degree, kLeastDegree, kLargestDegree));
}

// What makes each x a better vector: T(g) x / T(value) - x, where T is the Chebyshev polynomial
// that stays within 1 between zero and the smallest value of the block. With h = g mapped so that
// this is [-1, 1], h x = x value + residual whatever the value, and the three-term recurrence of
// T(h) x leaves one for the difference, which starts at zero and is fed by the residual. g in fp32.
at::Tensor correction(const at::Tensor& g, const Ritz& ritz, int degree) {
  const double half = 0.5 * ritz.edge();
  const at::Tensor h2 = g.mul(2.0 / half);  // 2 h
  h2.diagonal().sub_(2.0);
  const at::Tensor value = ritz.values.div(half).sub_(1.0);
  const at::Tensor fed = ritz.residual.mul(2.0 / half).to(at::kFloat);
  at::Tensor ratio = value.reciprocal();  // T of the degree before, over T of this one
  at::Tensor before = at::zeros_like(fed), z = fed * ratio.mul(0.5).to(at::kFloat);
  for (int i = 2; i <= degree; ++i) {
    const at::Tensor next_ratio = (2.0 * value - ratio).reciprocal();
    at::Tensor next = multiply(h2, z).add_(fed).mul_(next_ratio.to(at::kFloat));
    next.sub_(before.mul_((ratio * next_ratio).to(at::kFloat)));
    before = z, z = next, ratio = next_ratio;
  }
  return z.to(at::kDouble);
}

// The same pairs and random columns at the value of the last: should the start lack a leading
// vector altogether, the filter brings it out of these.
Ritz with_random_columns(const at::Tensor& g, const Ritz& ritz) {
  const int64_t r = g.size(0);
  const at::Tensor more =
      probe(r * kRandom, g).view({r, kRandom}).div(std::sqrt(static_cast<double>(r)));
  const at::Tensor values = ritz.values[-1].expand({kRandom});
  return {at::cat({ritz.x, more}, 1), at::cat({ritz.values, values}),
          at::cat({ritz.residual, multiply(g, more).sub_(more * values)}, 1)};
}

}  // namespace

int64_t pairs_to_keep(int64_t k) { return std::max(k + k / 2, k + 12); }

std::optional<SymmetricEigen> refined_eigenpairs(const at::Tensor& g, const at::Tensor& start,
                                                 int64_t k) {
  const int64_t b = pairs_to_keep(k);
  if (k < 1 || start.size(1) < b || start.size(1) + kRandom > g.size(0)) return std::nullopt;
  const at::Tensor rounded = g.to(at::kFloat);
  at::Tensor columns = start;
  double edge = 0.0;
  for (int round = 0; round <= kRounds; ++round) {
    const auto all = ritz_pairs(g, columns);
    if (!all) return std::nullopt;
    Ritz ritz = all->leading(b);
    if (!(ritz.edge() > 0.0)) return std::nullopt;
    const double far = distance(ritz, k);
    if (round > 0 && far <= kResidual) return SymmetricEigen{ritz.values, ritz.x};
    edge = std::min(std::max(edge, ritz.edge()), ritz.values[k].item<double>());
    ritz = above_edge(ritz, edge);
    const int degree = degree_for(ritz, k, far);
    if (round == 0) ritz = with_random_columns(g, ritz);
    columns = correction(rounded, ritz, degree).add_(ritz.x);
  }
  return std::nullopt;
}

}  // namespace isomerge
