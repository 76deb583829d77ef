// linalg/conjugate_gradients.h -- symmetric positive semidefinite systems, iteratively.
#pragma once

#include <cstdint>
#include <functional>

#include <ATen/core/Tensor.h>

namespace isomerge {

// When to stop. Both have the tolerance 1e-5 of scipy's `cg`, as MaTS calls it.
enum class Stopping {
  // scipy up to 1.11 without atol: at once if |b - A x0| <= tolerance, absolutely; then when |r| <=
  // tolerance * |b| (tolerance, if b = 0), with r computed anew whenever that happens after the
  // first step.
  kLegacy,
  // scipy since: b = 0 gives 0; when |r| < tolerance * |b|, looked at before each step.
  kCurrent
};

struct ConjugateGradientsOptions {
  int64_t iterations = 100;  // at most
  Stopping stopping = Stopping::kLegacy;
  double tolerance = 1e-5;
};

struct Solution {
  at::Tensor x;
  int64_t iterations = 0;
  bool converged = false;     // else the iterations ran out, or p^T A p was not positive
  double first_residual = 0;  // |b - A x0|
  double last_residual = 0;   // |b - A x|, computed anew
};

// Plain CG (Hestenes and Stiefel 1952), no preconditioner, for A x = b with tensors of any shape.
// apply   x -> A x, symmetric and positive semidefinite in the sum of products of entries
// cost    one application per step and two more, each scalar product in fp64
Solution conjugate_gradients(const std::function<at::Tensor(const at::Tensor&)>& apply,
                             const at::Tensor& b, const at::Tensor& x0,
                             const ConjugateGradientsOptions& options);

}  // namespace isomerge
