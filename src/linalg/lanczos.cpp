#include "linalg/lanczos.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>

#include "linalg/probe.h"
#include "linalg/product.h"

namespace isomerge {
namespace {

constexpr int64_t kBlock = 8;

// Of the residuals of the first k pairs, relative to the gap behind them. Their norm bounds the
// angle between the two spans (Davis and Kahan), some thirty times too large where values spread.
constexpr double kResidual = 1e-6;

// Relative. Closer values are as good as equal.
constexpr double kSmallestGap = 1e-3;

constexpr double kPerBlock = 5.0;    // by which a further block makes that smaller, about
constexpr double kInvariant = 1e-7;  // of the largest value: what is left of a block is rounding

// rows -= (rows basis^T) basis. Returns the coordinates of what was taken away. Once will do: of
// the image of a block, little more than the last two blocks have to be taken away, and what
// rounding leaves of the others, some 1e-12, the next block's turn does not amplify.
at::Tensor project_out(const at::Tensor& rows, const at::Tensor& basis) {
  at::Tensor inside = multiply(rows, basis.t());
  rows.sub_(multiply(inside, basis));
  return inside;
}

// Beyond, LAPACK takes less time.
int64_t largest_order(int64_t r) { return r / 2; }

// The space that g and a block of random rows span, and g in its coordinates.
class Krylov {
 public:
  Krylov(const at::Tensor& g, int64_t most)
      : g_(g),
        rows_(at::empty({most + kBlock, g.size(0)}, g.options())),
        small_(at::zeros({most + kBlock, most + kBlock}, g.options())) {
    const at::Tensor start = probe(kBlock * g.size(0), g).view({g.size(0), kBlock});
    rows_.narrow(0, 0, kBlock).copy_(std::get<0>(at::linalg_qr(start)).t());
  }

  int64_t order() const { return order_; }
  at::Tensor rows() const { return rows_.narrow(0, 0, order_); }
  SymmetricEigen ritz_pairs(int64_t k) const {
    return lapack_eigenpairs(small_.narrow(0, 0, order_).narrow(1, 0, order_), k);
  }

  // g rows^T y - rows^T y diag(values) for Ritz pairs: only the last block leaves the space. Its
  // coordinates in the next block, [kBlock, pairs].
  at::Tensor residual(const at::Tensor& y) const {
    return multiply(beside_, y.narrow(0, order_ - kBlock, kBlock));
  }

  // One more block; false where the space is invariant.
  bool extend() {
    const at::Tensor block = rows_.narrow(0, order_, kBlock);
    const at::Tensor image = multiply(block, g_);
    if (order_ > 0) {
      coupling(order_ - kBlock, order_).copy_(beside_.t());
      coupling(order_, order_ - kBlock).copy_(beside_);
    }
    order_ += kBlock;
    const at::Tensor inside = project_out(image, rows()).narrow(1, order_ - kBlock, kBlock);
    coupling(order_ - kBlock, order_ - kBlock).copy_((inside + inside.t()) * 0.5);
    const auto [next, beside] = at::linalg_qr(image.t());
    rows_.narrow(0, order_, kBlock).copy_(next.t());
    beside_ = beside;
    largest_ = std::max(largest_, inside.diagonal().max().item<double>());
    return beside.diagonal().abs().min().item<double>() > kInvariant * largest_;
  }

 private:
  at::Tensor coupling(int64_t row, int64_t column) const {
    return small_.narrow(0, row, kBlock).narrow(1, column, kBlock);
  }

  const at::Tensor& g_;
  at::Tensor rows_, small_;
  at::Tensor beside_;  // of the last block and the next one
  int64_t order_ = 0;
  double largest_ = 0.0;
};

// ||residuals of the Ritz pairs|| / the gap behind them.
double distance(const Krylov& krylov, const SymmetricEigen& ritz) {
  const double last = ritz.values[-1].item<double>();
  const double gap = std::max(last - ritz.next, kSmallestGap * last);
  return at::linalg_vector_norm(krylov.residual(ritz.vectors)).item<double>() / gap;
}

// Whether as many values agree as a block has columns: there may be more of these then. Of fewer
// none is missing, but for a start that has nothing of it in any of its columns.
bool may_share_a_value(const at::Tensor& values) {
  if (values.numel() < kBlock) return false;
  const int64_t pairs = values.numel() - kBlock + 1;
  const at::Tensor first = values.narrow(0, 0, pairs), last = values.narrow(0, kBlock - 1, pairs);
  return (first - last).le(kSmallestGap * first).any().item<bool>();
}

// Whether what the pairs leave of g has no eigenvalue above the next one, but for kSmallestGap:
// then tau I - (g - vectors diag(values) vectors^T) has a Cholesky factor. The gap is larger than
// what fp32 rounds there.
bool are_leading(const at::Tensor& g, const SymmetricEigen& pairs) {
  const double last = pairs.values[-1].item<double>();
  const double tau = std::max((1.0 - kSmallestGap) * last, (1.0 + kSmallestGap) * pairs.next);
  const at::Tensor left =
      at::addmm(g, pairs.vectors * pairs.values, pairs.vectors.t(), -1.0 / tau, 1.0 / tau);
  left.diagonal().add_(1.0);
  const auto [factor, info] = at::linalg_cholesky_ex(left.to(at::kFloat));
  return info.item<int>() == 0;
}

}  // namespace

int64_t lanczos_order(int64_t k) { return (2 * k + 136) / kBlock * kBlock; }

bool lanczos_pays(int64_t r, int64_t k) {
  return k >= 1 && lanczos_order(k) + 2 * kBlock <= largest_order(r);
}

std::optional<SymmetricEigen> lanczos_eigenpairs(const at::Tensor& g, int64_t k) {
  const int64_t most = largest_order(g.size(0));
  Krylov krylov(g, most);
  for (int64_t wanted = lanczos_order(k); wanted <= most;) {
    while (krylov.order() < wanted) {
      if (!krylov.extend()) return std::nullopt;
    }
    const SymmetricEigen ritz = krylov.ritz_pairs(k);
    if (!ritz.is_sound || !(ritz.next > 0.0)) return std::nullopt;
    const double far = distance(krylov, ritz);
    if (far <= kResidual) {
      SymmetricEigen found = ritz;
      found.vectors = multiply(krylov.rows().t(), ritz.vectors);
      if (may_share_a_value(found.values) && !are_leading(g, found)) break;
      return found;
    }
    const double blocks = std::ceil(std::log(far / kResidual) / std::log(kPerBlock));
    wanted = krylov.order() + kBlock * std::max<int64_t>(static_cast<int64_t>(blocks), 1);
  }
  return std::nullopt;
}

}  // namespace isomerge
