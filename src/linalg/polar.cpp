#include "linalg/polar.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>

#include "linalg/product.h"
#include "linalg/svd.h"

namespace isomerge {
namespace {

// How many of the k leading values count.
Rank rank_of(const at::Tensor& s, int64_t k, int64_t r) {
  return rank_above(s.narrow(0, 0, k), null_threshold(r, s[0].item<double>()));
}

Polar lapack_polar(const at::Tensor& a, int64_t r, NullSpace null_space,
                   std::optional<int64_t> leading = {}) {
  const Svd svd = thin_svd(a.to(at::kDouble));
  const int64_t k = leading.value_or(svd.s.numel());
  const Rank rank = rank_of(svd.s, k, r);
  const Svd kept = svd.leading(null_space == NullSpace::kFill ? k : rank.kept);
  return {multiply(kept.u, kept.vt), svd.s.sum().item<double>(), k - rank.kept,
          is_tied_cut(svd.leading(k), r)};
}

bool is_tied_after(const at::Tensor& s, int64_t k, int64_t r) {
  if (k == s.numel()) return false;
  Svd leading;
  leading.s = s.narrow(0, 0, k);
  leading.next = s[k].item<double>();
  return is_tied_cut(leading, r);
}

// W diag(1 / s) W^T over the leading `kept` pairs: g^(-1/2).
at::Tensor inverse_root(const SymmetricEigen& eigen, const at::Tensor& s, int64_t kept) {
  const at::Tensor w = eigen.vectors.narrow(1, 0, kept);
  return multiply(w / s.narrow(0, 0, kept), w.t());
}

double norm(const at::Tensor& a) { return at::linalg_vector_norm(a).item<double>(); }

// The rounding of an fp32 product of x and y whose result has `directions` unit singular values is
// eps |x|_F |y|_F / directions: fp32 will do while that stays below some 5e-7.
at::ScalarType product_dtype(double norms, int64_t directions) {
  constexpr double kAllowed = 8.0;
  return norms <= kAllowed * static_cast<double>(std::max<int64_t>(directions, 1)) ? at::kFloat
                                                                                   : at::kDouble;
}

OrthonormalBasis lapack_basis(const at::Tensor& basis, int64_t r, NullSpace null_space) {
  const Polar polar = lapack_polar(basis, r, null_space);
  // A stack of cores may have more columns than rows.
  return {polar.factor, {}, polar.cut + std::max<int64_t>(basis.size(1) - basis.size(0), 0)};
}

// basis^T basis = [[I, x], [x^T, k]], restricted to where it is not the identity.
struct Restriction {
  // The directions of the first columns that the others overlap: orthonormal [known, p]. Undefined
  // if there are none (x = 0) or if nothing is gained by looking for them.
  at::Tensor z;
  at::Tensor small;     // x = 0: k; else over the span of z and the others, or the whole matrix
  int64_t outside = 0;  // columns at the front that `small` leaves out, as the identity
};

Restriction restrict(const at::Tensor& basis, int64_t known) {
  constexpr double kOrthogonal = 1e-12;
  const int64_t p = basis.size(1) - known;
  const at::Tensor others = basis.narrow(1, known, p);
  const at::Tensor gram = gram_of_rows(others.t().contiguous());
  if (known == 0) return {{}, gram, 0};
  at::Tensor x = multiply(basis.narrow(1, 0, known).t(), others);
  if (x.abs().max().item<double>() <= kOrthogonal) return {{}, gram, known};
  at::Tensor z;
  if (4 * p <= 3 * known) std::tie(z, x) = at::linalg_qr(x);
  const at::Tensor one = at::eye(x.size(0), basis.options());
  return {z, at::cat({at::cat({one, x}, 1), at::cat({x.t(), gram}, 1)}, 0), 0};
}

// The root of the whole matrix from that of its restriction: I + z (a - I) z^T and so on.
at::Tensor extend(const Restriction& part, const at::Tensor& root, int64_t columns) {
  if (root.size(0) == columns) return root;
  at::Tensor whole = at::eye(columns, root.options());
  if (!part.z.defined()) {
    const int64_t p = columns - part.outside;
    whole.narrow(0, part.outside, p).narrow(1, part.outside, p).copy_(root);
    return whole;
  }
  const int64_t known = part.z.size(0), p = part.z.size(1);
  const at::Tensor corner = root.narrow(0, 0, p).narrow(1, 0, p) - at::eye(p, root.options());
  const at::Tensor side = multiply(part.z, root.narrow(0, 0, p).narrow(1, p, p));
  whole.narrow(0, 0, known)
      .narrow(1, 0, known)
      .add_(multiply(multiply(part.z, corner), part.z.t()));
  whole.narrow(0, 0, known).narrow(1, known, p).copy_(side);
  whole.narrow(0, known, p).narrow(1, 0, known).copy_(side.t());
  whole.narrow(0, known, p).narrow(1, known, p).copy_(root.narrow(0, p, p).narrow(1, p, p));
  return whole;
}

}  // namespace

Polar polar_factor(const at::Tensor& a, int64_t r, NullSpace null_space, Route route,
                   std::optional<int64_t> leading) {
  if (route == Route::kLapack) return lapack_polar(a, r, null_space, leading);
  return polar_factor(a, all_eigenpairs(gram_of_rows(short_side_rows(a))), r, leading);
}

Polar polar_factor(const at::Tensor& a, const SymmetricEigen& eigen, int64_t r,
                   std::optional<int64_t> leading) {
  if (!eigen.is_sound) {
    Polar polar = lapack_polar(a, r, NullSpace::kZero, leading);
    polar.fallbacks = 1;
    return polar;
  }
  const at::Tensor s = singular_values(eigen);
  const int64_t k = leading.value_or(s.numel());
  const Rank rank = rank_of(s, k, r);
  if (rank.is_doubtful) {
    Polar polar = lapack_polar(a, r, NullSpace::kZero, leading);
    polar.repeats = 1;
    return polar;
  }
  const at::Tensor kept = s.narrow(0, 0, rank.kept);
  const at::ScalarType dtype = product_dtype(norm(kept.reciprocal()) * norm(kept), rank.kept);
  const at::Tensor root = inverse_root(eigen, s, rank.kept).to(dtype);
  const at::Tensor factor =
      a.size(0) <= a.size(1) ? multiply(root, a.to(dtype)) : multiply(a.to(dtype), root);
  return {factor, s.sum().item<double>(), k - rank.kept, is_tied_after(s, k, r)};
}

OrthonormalBasis orthonormalise(const at::Tensor& basis, int64_t known, int64_t r,
                                NullSpace null_space, Route route) {
  if (route == Route::kLapack) return lapack_basis(basis, r, null_space);
  if (basis.size(1) == known) return {basis, {}};
  const Restriction part = restrict(basis, known);
  const SymmetricEigen eigen = all_eigenpairs(part.small);
  if (!eigen.is_sound) {
    OrthonormalBasis out = lapack_basis(basis, r, NullSpace::kZero);
    out.fallbacks = 1;
    return out;
  }
  const at::Tensor s = singular_values(eigen);
  const double sigma_1 = std::max(s[0].item<double>(), part.outside > 0 ? 1.0 : 0.0);
  const Rank rank = rank_above(s, null_threshold(r, sigma_1));
  if (rank.is_doubtful) {
    OrthonormalBasis out = lapack_basis(basis, r, NullSpace::kZero);
    out.repeats = 1;
    return out;
  }
  const at::Tensor root = inverse_root(eigen, s, rank.kept);
  return {basis, extend(part, root, basis.size(1)), s.numel() - rank.kept};
}

at::Tensor combine(const OrthonormalBasis& u, const at::Tensor& s, const OrthonormalBasis& v,
                   at::ScalarType dtype) {
  const at::Tensor left = u.basis, right = v.basis.t();
  at::Tensor middle;  // root_u diag(s) root_v
  if (u.root.defined()) {
    middle = v.root.defined() ? multiply(u.root * s, v.root) : u.root * s;
  } else if (v.root.defined()) {
    middle = v.root * s.unsqueeze(1);
  } else {
    return multiply((left * s).to(dtype), right.to(dtype));
  }
  // The root that is part of the last product amplifies that product's rounding.
  const bool is_wide = left.size(0) <= right.size(1);
  const at::Tensor& last = is_wide ? v.root : u.root;
  const auto c = static_cast<double>(s.numel());
  const at::ScalarType used =
      last.defined() ? c10::promoteTypes(dtype, product_dtype(norm(last) * std::sqrt(c), s.numel()))
                     : dtype;
  const at::Tensor product = is_wide ? multiply(multiply(left, middle).to(used), right.to(used))
                                     : multiply(left.to(used), multiply(middle, right).to(used));
  return product.to(dtype);
}

}  // namespace isomerge
