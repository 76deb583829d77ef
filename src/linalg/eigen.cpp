#include "linalg/eigen.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

namespace isomerge {
namespace {

constexpr double kSound = 1e-10;      // relative, of checks with a random vector
constexpr double kConverged = 1e-9;   // of Krylov residuals
constexpr double kNegligible = 1e-8;  // eigenvalues that fp32 data do not determine
constexpr int64_t kBlock = 16;        // vectors per Krylov step
constexpr int64_t kGramStripes = 8;   // of which the blocks of a Gram matrix are made

// The same numbers in every call and thread: results must not depend on anything but the data.
at::Tensor random_columns(const at::Tensor& like, int64_t count) {
  at::Generator generator = at::detail::createCPUGenerator(20250611);
  return at::randn({like.size(0), count}, generator, at::TensorOptions().dtype(at::kDouble))
      .to(like.device());
}

double norm(const at::Tensor& a) { return at::linalg_vector_norm(a).item<double>(); }

// ascending, as LAPACK has them; nothing if it does not converge
std::optional<std::tuple<at::Tensor, at::Tensor>> lapack_eigh(const at::Tensor& g) {
  try {
    return at::linalg_eigh(g);
  } catch (const c10::LinAlgError&) {
    return std::nullopt;
  }
}

// A random combination x = V y of the vectors: V^T x = y says that they are orthonormal, and
// g x = V diag(w) y that they belong to the values. A wrong pair fails one of the two but for a
// null set of y. Cost: 6 r k + 2 r^2 flops.
bool passes_check(const at::Tensor& g, const at::Tensor& values, const at::Tensor& vectors) {
  const at::Tensor y = random_columns(values, 1);
  const at::Tensor x = at::matmul(vectors, y);
  const double size = norm(y), largest = values.abs().max().item<double>();
  const double lost = norm(at::matmul(vectors.t(), x) - y);
  const double residual = norm(at::matmul(vectors, y * values.unsqueeze(1)) - at::matmul(g, x));
  return lost <= kSound * size && residual <= kSound * largest * size;
}

// True if no eigenvalue of g beside the given ones exceeds the smallest of them: what is left of g
// after taking them away stays below it, which a Cholesky factorisation proves. Krylov spaces can
// miss copies of a multiple eigenvalue. Cost: r^3 / 3 + 2 r^2 k flops.
bool are_the_largest(const at::Tensor& g, const SymmetricEigen& pairs) {
  const double smallest = pairs.values[-1].item<double>();
  const at::Tensor rest =
      at::matmul(pairs.vectors * pairs.values, pairs.vectors.t()).sub_(g);  // -(g - V diag(w) V^T)
  rest.diagonal().add_(smallest * (1.0 + 1e-8));
  return std::get<1>(at::linalg_cholesky_ex(rest)).item<int>() == 0;
}

// A Krylov space of g, grown block by block with full orthogonalisation.
class BlockKrylov {
 public:
  BlockKrylov(const at::Tensor& g, int64_t capacity)
      : g_(g),
        basis_(at::empty({g.size(0), capacity}, g.options())),
        projected_(at::zeros({capacity, capacity}, g.options())),
        block_(std::get<0>(at::linalg_qr(random_columns(g, kBlock)))) {}

  int64_t dimension() const { return dimension_; }
  bool has_room() const { return dimension_ + kBlock <= basis_.size(1); }

  void grow() {
    basis_.narrow(1, dimension_, kBlock).copy_(block_);
    const int64_t from = dimension_;
    dimension_ += kBlock;
    const at::Tensor q = basis_.narrow(1, 0, dimension_);
    at::Tensor next = at::matmul(g_, block_);
    at::Tensor coefficients = at::matmul(q.t(), next);
    next = next - at::matmul(q, coefficients);
    const at::Tensor correction = at::matmul(q.t(), next);  // once is not enough in floating point
    next = next - at::matmul(q, correction);
    coefficients = coefficients + correction;
    projected_.narrow(0, 0, dimension_).narrow(1, from, kBlock).copy_(coefficients);
    projected_.narrow(0, from, kBlock).narrow(1, 0, dimension_).copy_(coefficients.t());
    std::tie(block_, remainder_) = at::linalg_qr(next);
  }

  // The k leading Ritz pairs if all of them have converged.
  std::optional<SymmetricEigen> converged(int64_t k) const {
    const auto eigen =
        lapack_eigh(projected_.narrow(0, 0, dimension_).narrow(1, 0, dimension_));
    if (!eigen) return std::nullopt;
    const at::Tensor values = std::get<0>(*eigen).flip(0);
    const at::Tensor leading = std::get<1>(*eigen).flip(1).narrow(1, 0, k);
    const at::Tensor residuals = at::linalg_vector_norm(
        at::matmul(remainder_, leading.narrow(0, dimension_ - kBlock, kBlock)), 2,
        at::IntArrayRef{0});
    const at::Tensor kept = values.narrow(0, 0, k);
    const double largest = values[0].item<double>();
    const at::Tensor allowed =
        kept.clamp_min(kNegligible * largest).mul(largest).sqrt().mul(kConverged);
    if (!residuals.le(allowed).all().item<bool>()) return std::nullopt;
    SymmetricEigen out;
    out.values = kept.clone();
    out.vectors = at::matmul(basis_.narrow(1, 0, dimension_), leading);
    out.next = values[k].item<double>();
    return out;
  }

 private:
  const at::Tensor& g_;
  at::Tensor basis_, projected_, block_, remainder_;
  int64_t dimension_ = 0;
};

std::optional<SymmetricEigen> krylov_eigenpairs(const at::Tensor& g, int64_t k) {
  BlockKrylov space(g, g.size(0) / 2);
  int64_t check_at = 3 * k + 2 * kBlock;  // the least dimension at which real spectra converge
  while (space.has_room()) {
    space.grow();
    if (space.dimension() < check_at) continue;
    if (const auto pairs = space.converged(k)) {
      const bool is_sound = passes_check(g, pairs->values, pairs->vectors) && are_the_largest(g, *pairs);
      return is_sound ? pairs : std::nullopt;
    }
    check_at = space.dimension() + std::max(space.dimension() / 5, kBlock);
  }
  return std::nullopt;
}

}  // namespace

at::Tensor gram_of_rows(const at::Tensor& a) {
  const int64_t m = a.size(0);
  const int64_t stripe = std::max<int64_t>((m + kGramStripes - 1) / kGramStripes, 64);
  if (m <= stripe) return at::matmul(a, a.t());
  at::Tensor gram = at::empty({m, m}, a.options());
  for (int64_t from = 0; from < m; from += stripe) {
    const int64_t rows = std::min(stripe, m - from);
    const at::Tensor block = at::matmul(a.narrow(0, from, rows), a.narrow(0, from, m - from).t());
    gram.narrow(0, from, rows).narrow(1, from, m - from).copy_(block);
    gram.narrow(0, from, m - from).narrow(1, from, rows).copy_(block.t());
  }
  return gram;
}

SymmetricEigen all_eigenpairs(const at::Tensor& g) {
  SymmetricEigen out;
  if (const auto eigen = lapack_eigh(g)) {
    out.values = std::get<0>(*eigen).flip(0);
    out.vectors = std::get<1>(*eigen).flip(1);
    out.is_sound = passes_check(g, out.values, out.vectors);
  } else {
    out.is_sound = false;
  }
  return out;
}

SymmetricEigen leading_eigenpairs(const at::Tensor& g, int64_t k) {
  const int64_t r = g.size(0);
  if (k > 0 && 12 * k <= r && r >= 256) {
    if (auto few = krylov_eigenpairs(g, k)) return *few;
  }
  SymmetricEigen all = all_eigenpairs(g);
  if (!all.is_sound) return all;
  if (k < r) all.next = all.values[k].item<double>();
  all.values = all.values.narrow(0, 0, k);
  all.vectors = all.vectors.narrow(1, 0, k);
  return all;
}

}  // namespace isomerge
