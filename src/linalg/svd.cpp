#include "linalg/svd.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/matmul.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "base/error.h"
#include "linalg/probe.h"
#include "linalg/product.h"

namespace isomerge {
namespace {

Error no_convergence(const at::Tensor& a) {
  return {Fault::kInternal, fmt::format("the SVD of a [{}, {}] matrix fails; try --precision fp64",
                                        a.size(0), a.size(1))};
}

double norm(const at::Tensor& a) { return at::linalg_vector_norm(a).item<double>(); }

Svd lapack_svd(const at::Tensor& a, bool as_it_is) {
  if (as_it_is) {
    auto [u, s, vt] = at::linalg_svd(a, /*full_matrices=*/false);
    return {u, s, vt};
  }
  auto [v, s, ut] = at::linalg_svd(a.t(), /*full_matrices=*/false);
  return {ut.t(), s, v.t()};
}

at::Tensor lapack_values(const at::Tensor& a) {
  try {
    return at::linalg_svdvals(a.size(0) >= a.size(1) ? a : a.t());
  } catch (const c10::LinAlgError&) {
    throw no_convergence(a);
  }
}

Svd lapack_triplets(const at::Tensor& a, int64_t k) {
  const Svd all = thin_svd(a.to(at::kDouble));
  Svd leading = all.leading(k);
  // Copies: a view of few vectors would keep all of them in memory.
  leading.u = leading.u.clone();
  leading.vt = leading.vt.clone();
  return leading;
}

}  // namespace

Svd Svd::leading(int64_t k) const {
  Svd out{u.narrow(1, 0, k), s.narrow(0, 0, k), vt.narrow(0, 0, k)};
  out.next = k < s.numel() ? s[k].item<double>() : next;
  out.fallbacks = fallbacks;
  return out;
}

bool is_svd_of(const Svd& svd, const at::Tensor& a) {
  const at::Tensor y = probe(svd.s.numel(), svd.s).to(svd.s.scalar_type());
  const at::Tensor u_y = at::matmul(svd.u, y), v_y = at::matmul(svd.vt.t(), y);
  const double sigma_1 = svd.s[0].item<double>();
  const double allowed = norm(y) * (svd.s.scalar_type() == at::kDouble
                                        ? std::sqrt(std::numeric_limits<double>::epsilon())
                                        : std::sqrt(std::numeric_limits<float>::epsilon()));
  const at::Tensor image = at::matmul(svd.u, svd.s.unsqueeze(1) * y);
  return norm(at::matmul(svd.u.t(), u_y) - y) <= allowed &&
         norm(at::matmul(svd.vt, v_y) - y) <= allowed &&
         norm(at::matmul(a, v_y) - image) <= allowed * sigma_1;
}

Svd thin_svd(const at::Tensor& a) {
  try {
    const bool is_tall = a.size(0) >= a.size(1);
    for (const bool as_it_is : {is_tall, !is_tall}) {
      Svd svd = lapack_svd(a, as_it_is);
      if (is_svd_of(svd, a)) return svd;
    }
  } catch (const c10::LinAlgError&) {
  }
  throw no_convergence(a);
}

Svd leading_triplets(const at::Tensor& a, int64_t k, Route route) {
  if (route == Route::kLapack) return lapack_triplets(a, k);
  return leading_triplets(a, leading_eigenpairs(gram_of_rows(short_side_rows(a)), k), k);
}

Svd leading_triplets(const at::Tensor& a, const SymmetricEigen& eigen, int64_t k) {
  constexpr double kTiny = 1e-300;  // keeps 0 / 0 from becoming NaN
  if (!eigen.is_sound) {
    Svd svd = lapack_triplets(a, k);
    svd.fallbacks = 1;
    return svd;
  }
  const at::Tensor vectors = eigen.vectors.narrow(1, 0, k);
  const at::Tensor along = multiply(vectors.t(), short_side_rows(a));  // [k, long side]
  const at::Tensor s = at::linalg_vector_norm(along, 2, at::IntArrayRef{1});
  const at::Tensor others = along.div(s.clamp_min(kTiny).unsqueeze(1));
  Svd svd = a.size(0) <= a.size(1) ? Svd{vectors, s, others} : Svd{others.t(), s, vectors.t()};
  const double next = k < eigen.values.numel() ? eigen.values[k].item<double>() : eigen.next;
  svd.next = std::sqrt(std::max(next, 0.0));
  return svd;
}

at::Tensor all_singular_values(const at::Tensor& a, Route route) {
  if (route == Route::kGram) {
    const auto values = all_eigenvalues(gram_of_rows(short_side_rows(a)));
    if (values) return values->clamp_min(0).sqrt();
  }
  return lapack_values(a.to(at::kDouble));
}

double spectral_norm(const at::Tensor& a) { return lapack_values(a)[0].item<double>(); }

bool is_tied_cut(const Svd& leading, int64_t r) {
  const int64_t k = leading.s.numel();
  if (k == 0 || k == r) return false;
  const double sigma_1 = leading.s[0].item<double>(), last = leading.s[k - 1].item<double>();
  const double noise = null_threshold(r, sigma_1);
  return last > noise && last - leading.next <= noise;
}

}  // namespace isomerge
