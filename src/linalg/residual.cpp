#include "linalg/residual.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_vector_norm.h>

#include "linalg/product.h"

namespace isomerge {
namespace {

constexpr double kTiny = 1e-300;  // keeps 0 / 0 from becoming NaN; such directions are cut later

// Whether fp32 will do for what is multiplied with an fp32 matrix d: it moves no left vector by
// more than some 1e-7. What it rounds is of the size of d's mean singular value, and is divided by
// the vector's own.
bool may_round(const at::Tensor& d, const SymmetricEigen& eigen,
               const std::optional<double>& norm) {
  constexpr double kLargest = 8.0;  // of the mean over the smallest
  if (d.scalar_type() != at::kFloat) return false;
  const double mean = (norm ? *norm : at::linalg_vector_norm(d).item<double>()) /
                      std::sqrt(static_cast<double>(std::min(d.size(0), d.size(1))));
  return mean <= kLargest * std::sqrt(std::max(eigen.values[-1].item<double>(), 0.0));
}

// (d - u u^T d), u of the space, times the eigenvectors, fp64.
at::Tensor image_outside(const at::Tensor& d, const LeftSpace& space, const SymmetricEigen& eigen,
                         const KnownParts& known) {
  const at::ScalarType used = may_round(d, eigen, known.norm) ? at::kFloat : at::kDouble;
  const at::Tensor all = multiply(d, eigen.vectors.to(used));
  const bool is_rounded = used == at::kFloat && space.rounded.defined();
  const at::Tensor common = is_rounded ? space.rounded : space.u.to(used);
  const at::Tensor inside = known.inside.defined() ? multiply(known.inside, eigen.vectors).to(used)
                                                   : multiply(common.t(), all);
  return (all - multiply(common, inside)).to(at::kDouble);
}

}  // namespace

Svd lapack_residual_triplets(const at::Tensor& d, const LeftSpace& space, int64_t s) {
  const at::Tensor inside = multiply(space.u.t(), d);
  const at::Tensor rest = d.to(at::kDouble, /*non_blocking=*/false, /*copy=*/true);
  return leading_triplets(rest.sub_(multiply(space.u, inside)), s, Route::kLapack);
}

at::Tensor long_side_vectors(const at::Tensor& c, const SymmetricEigen& eigen, int64_t k) {
  const at::Tensor s = singular_values(eigen).narrow(0, 0, k).clamp_min(kTiny);
  return multiply(eigen.vectors.narrow(1, 0, k).t(), short_side_rows(c)).div_(s.unsqueeze(1));
}

CommonSpace leading_space(const SymmetricEigen& eigen, const at::Tensor& others, bool is_wide,
                          int64_t k) {
  const int64_t r = eigen.values.numel();
  const at::Tensor s = singular_values(eigen);
  const at::Tensor leading = eigen.vectors.narrow(1, 0, k), long_side = others.narrow(0, 0, k);
  CommonSpace space;
  if (is_wide) {
    space.triplets = {leading, s.narrow(0, 0, k), long_side};
    space.left.complement = eigen.vectors.narrow(1, k, r - k);
  } else {
    space.triplets = {long_side.t(), s.narrow(0, 0, k), leading.t()};
  }
  space.triplets.next = k < r ? s[k].item<double>() : 0.0;
  space.left.u = space.triplets.u;
  return space;
}

at::Tensor residual_gram(const at::Tensor& d, const LeftSpace& space) {
  if (space.complement.defined()) return gram_of_rows(multiply(space.complement.t(), d));
  const at::Tensor columns = d.t();
  const at::Tensor common = multiply(columns, space.u);  // [n, k]
  return gram_of_rows(columns).sub_(gram_of_rows(common));
}

Svd residual_triplets(const at::Tensor& d, const LeftSpace& space, const SymmetricEigen& eigen,
                      int64_t s, const KnownParts& known) {
  Svd svd;
  if (!eigen.is_sound) {
    svd = lapack_residual_triplets(d, space, s);
    svd.fallbacks = 1;
    return svd;
  }
  if (space.complement.defined()) {
    svd.u = multiply(space.complement, eigen.vectors);
    const at::Tensor along =
        known.inside.defined() ? multiply(eigen.vectors.t(), known.inside) : multiply(svd.u.t(), d);
    svd.s = at::linalg_vector_norm(along, 2, at::IntArrayRef{1});
    svd.vt = along / svd.s.clamp_min(kTiny).unsqueeze(1);
  } else {
    const at::Tensor along = image_outside(d, space, eigen, known);
    svd.s = at::linalg_vector_norm(along, 2, at::IntArrayRef{0});
    svd.u = along / svd.s.clamp_min(kTiny);
    svd.vt = eigen.vectors.t();
  }
  svd.next = std::sqrt(std::max(eigen.next, 0.0));
  return svd;
}

}  // namespace isomerge
