#include "linalg/polar.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>

#include "linalg/probe.h"
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

at::Tensor side_by_side(const at::Tensor& first, const at::Tensor& others) {
  if (!first.defined()) return others;
  return others.defined() ? at::cat({first, others}, 1) : first;
}

OrthonormalBasis lapack_basis(const at::Tensor& basis, int64_t r, NullSpace null_space) {
  const Polar polar = lapack_polar(basis, r, null_space);
  OrthonormalBasis out{{}, polar.factor, {}, {}};
  // A stack of cores may have more columns than rows.
  out.cut = polar.cut + std::max<int64_t>(basis.size(1) - basis.size(0), 0);
  return out;
}

// basis^T basis = [[I, x], [x^T, k]], restricted to where it is not the identity.
struct Restriction {
  at::Tensor z;              // as in OrthonormalBasis
  at::Tensor small;          // x = 0: k; else over the span of z and the others, or the whole
  bool has_outside = false;  // first columns that `small` leaves out, as the identity
};

// x = first^T others, or nothing if it is zero but for what fp32 rounds: a random combination of
// its columns says so at little cost.
std::optional<at::Tensor> overlap(const at::Tensor& first, const at::Tensor& others) {
  constexpr double kOrthogonal = 1e-6;
  const auto is_zero = [](const at::Tensor& a) {
    return a.abs().max().item<double>() <= kOrthogonal;
  };
  const at::Tensor combined = at::mm(others, probe(others.size(1), others));
  if (is_zero(at::mm(first.t(), combined))) return std::nullopt;
  at::Tensor x = multiply(first.t(), others);
  return is_zero(x) ? std::nullopt : std::optional(x);
}

Restriction restrict(const at::Tensor& first, const at::Tensor& others) {
  const at::Tensor gram = gram_of_rows(others.t());
  if (!first.defined()) return {{}, gram, false};
  const std::optional<at::Tensor> overlaps = overlap(first, others);
  if (!overlaps) return {{}, gram, true};
  at::Tensor z, x = *overlaps;
  if (8 * others.size(1) <= 7 * first.size(1)) std::tie(z, x) = at::linalg_qr(x);
  const at::Tensor one = at::eye(x.size(0), others.options());
  return {z, at::cat({at::cat({one, x}, 1), at::cat({x.t(), gram}, 1)}, 0), z.defined()};
}

// What of the root the flat product u.first v.first^T + ... needs beside the identity of the first
// columns; nothing where it is not kept apart.
bool is_kept_apart(const OrthonormalBasis& basis) {
  const bool is_small =
      !basis.root.defined() || basis.z.defined() || basis.root.size(0) == basis.others.size(1);
  return basis.first.defined() && basis.others.defined() && is_small;
}

// [first z, others], or the others alone.
at::Tensor beside_common(const OrthonormalBasis& basis, const at::Tensor& z, at::ScalarType dtype) {
  const at::Tensor others = basis.others.to(dtype);
  return z.defined() ? at::cat({multiply(basis.first.to(dtype), z.to(dtype)), others}, 1) : others;
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

int64_t OrthonormalBasis::columns() const {
  return (first.defined() ? first.size(1) : 0) + (others.defined() ? others.size(1) : 0);
}

at::Tensor OrthonormalBasis::basis() const { return side_by_side(first, others); }

// From that of the restriction: I + z (a - I) z^T and so on.
at::Tensor OrthonormalBasis::whole_root() const {
  const int64_t c = columns();
  if (!root.defined() || root.size(0) == c) return root;
  at::Tensor whole = at::eye(c, root.options());
  const int64_t p = others.size(1), known = c - p;
  if (!z.defined()) {
    whole.narrow(0, known, p).narrow(1, known, p).copy_(root);
    return whole;
  }
  const at::Tensor corner = root.narrow(0, 0, p).narrow(1, 0, p) - at::eye(p, root.options());
  const at::Tensor side = multiply(z, root.narrow(0, 0, p).narrow(1, p, p));
  whole.narrow(0, 0, known).narrow(1, 0, known).add_(multiply(multiply(z, corner), z.t()));
  whole.narrow(0, 0, known).narrow(1, known, p).copy_(side);
  whole.narrow(0, known, p).narrow(1, 0, known).copy_(side.t());
  whole.narrow(0, known, p).narrow(1, known, p).copy_(root.narrow(0, p, p).narrow(1, p, p));
  return whole;
}

OrthonormalBasis orthonormalise(const at::Tensor& first, const at::Tensor& others, int64_t r,
                                NullSpace null_space, Route route) {
  if (route == Route::kLapack) return lapack_basis(side_by_side(first, others), r, null_space);
  if (!others.defined()) return {first, {}, {}, {}};
  const Restriction part = restrict(first, others);
  const SymmetricEigen eigen = all_eigenpairs(part.small);
  if (!eigen.is_sound) {
    OrthonormalBasis out = lapack_basis(side_by_side(first, others), r, NullSpace::kZero);
    out.fallbacks = 1;
    return out;
  }
  const at::Tensor s = singular_values(eigen);
  const double sigma_1 = std::max(s[0].item<double>(), part.has_outside ? 1.0 : 0.0);
  const Rank rank = rank_above(s, null_threshold(r, sigma_1));
  if (rank.is_doubtful) {
    OrthonormalBasis out = lapack_basis(side_by_side(first, others), r, NullSpace::kZero);
    out.repeats = 1;
    return out;
  }
  OrthonormalBasis out{first, others, inverse_root(eigen, s, rank.kept), part.z};
  out.cut = s.numel() - rank.kept;
  return out;
}

at::Tensor combine(const OrthonormalBasis& u, const at::Tensor& s, const OrthonormalBasis& v,
                   at::ScalarType dtype) {
  const at::Tensor left = u.basis(), right = v.basis().t();
  const at::Tensor root_u = u.whole_root(), root_v = v.whole_root();
  at::Tensor middle;  // root_u diag(s) root_v
  if (root_u.defined()) {
    middle = root_v.defined() ? multiply(root_u * s, root_v) : root_u * s;
  } else if (root_v.defined()) {
    middle = root_v * s.unsqueeze(1);
  } else {
    return multiply((left * s).to(dtype), right.to(dtype));
  }
  // The root that is part of the last product amplifies that product's rounding.
  const bool is_wide = left.size(0) <= right.size(1);
  const at::Tensor& last = is_wide ? root_v : root_u;
  const auto c = static_cast<double>(s.numel());
  const at::ScalarType used =
      last.defined() ? c10::promoteTypes(dtype, product_dtype(norm(last) * std::sqrt(c), s.numel()))
                     : dtype;
  const at::Tensor product = is_wide ? multiply(multiply(left, middle).to(used), right.to(used))
                                     : multiply(left.to(used), multiply(middle, right).to(used));
  return product.to(dtype);
}

// With W = [z 0; 0 I] the roots are I + W (a - I) W^T for the small a_u, which is the identity but
// for the others, and a_v. The product of both bases is then
//
//     u.first v.first^T + [u.first z, u.others] (a_u a_v - diag(I, 0)) [v.first z, v.others]^T.
at::Tensor combine(const OrthonormalBasis& u, double s, const OrthonormalBasis& v,
                   at::ScalarType dtype, const at::Tensor& first) {
  const int64_t c = u.columns();
  if (!first.defined() || !is_kept_apart(u) || !is_kept_apart(v) || u.z.defined()) {
    const at::Tensor values = at::full({c}, s, (u.others.defined() ? u.others : u.first).options());
    return combine(u, values, v, dtype);
  }
  const int64_t p = u.others.size(1);
  at::Tensor middle = v.root.defined() ? v.root.clone() : at::eye(p, v.others.options());
  const at::Tensor ours = middle.narrow(0, middle.size(0) - p, p);  // rows of the others
  if (u.root.defined()) ours.copy_(multiply(u.root, ours));
  if (v.z.defined()) middle.narrow(0, 0, p).diagonal().sub_(1.0);
  const bool is_wide = u.others.size(0) <= v.others.size(0);
  // The side that takes the roots amplifies the rounding of the last product.
  const OrthonormalBasis &near = is_wide ? u : v, &far = is_wide ? v : u;
  const at::Tensor amplified =
      multiply(beside_common(near, v.z, at::kDouble), is_wide ? middle : middle.t());
  const double norms = norm(amplified) * std::sqrt(static_cast<double>(middle.size(0)));
  const at::ScalarType used = c10::promoteTypes(dtype, product_dtype(norms, c));
  const at::Tensor other = beside_common(far, v.z, used), rounded = amplified.to(used);
  const at::Tensor &left = is_wide ? rounded : other, &right = is_wide ? other : rounded;
  if (used == dtype) return at::addmm(first, left, right.t(), s, s);
  return multiply(left, right.t()).add_(first).mul_(s).to(dtype);
}

}  // namespace isomerge
