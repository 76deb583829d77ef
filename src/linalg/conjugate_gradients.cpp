#include "linalg/conjugate_gradients.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros_like.h>

namespace isomerge {
namespace {

double norm(const at::Tensor& x) {
  return at::linalg_vector_norm(x, 2, {}, false, at::kDouble).item<double>();
}

double inner_product(const at::Tensor& a, const at::Tensor& b) {
  return at::dot(a.reshape({-1}).to(at::kDouble), b.reshape({-1}).to(at::kDouble)).item<double>();
}

}  // namespace

Solution conjugate_gradients(const std::function<at::Tensor(const at::Tensor&)>& apply,
                             const at::Tensor& b, const at::Tensor& x0,
                             const ConjugateGradientsOptions& options) {
  const bool legacy = options.stopping == Stopping::kLegacy;
  const double size = norm(b);
  Solution out{x0.clone()};
  at::Tensor r = b - apply(out.x);
  out.first_residual = out.last_residual = norm(r);
  const double goal = legacy && size == 0.0 ? options.tolerance : options.tolerance * size;
  if (!legacy && size == 0.0) {
    out.x = at::zeros_like(b);
    out.last_residual = 0.0;
    out.converged = true;
    return out;
  }
  const auto reached = [&](double residual) { return legacy ? residual <= goal : residual < goal; };
  out.converged =
      reached(out.first_residual) || (legacy && out.first_residual <= options.tolerance);
  at::Tensor p;
  double rho_before = 0.0;
  while (!out.converged && out.iterations < options.iterations) {
    const double rho = inner_product(r, r);
    p = p.defined() ? p.mul_(rho / rho_before).add_(r) : r.clone();
    const at::Tensor q = apply(p);
    const double curvature = inner_product(p, q);
    if (!(curvature > 0.0)) break;  // A is singular along p, or r is 0
    out.x.add_(p, rho / curvature);
    r.sub_(q, rho / curvature);
    rho_before = rho;
    ++out.iterations;
    out.converged = reached(norm(r));
    if (out.converged && legacy && out.iterations > 1) {
      r = b - apply(out.x);  // rounding may have made it look better than it is
      out.converged = reached(norm(r));
    }
  }
  out.last_residual = norm(b - apply(out.x));
  return out;
}

}  // namespace isomerge
