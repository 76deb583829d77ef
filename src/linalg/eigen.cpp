#include "linalg/eigen.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_eigvalsh.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/matmul.h>
#include <c10/util/Exception.h>

#include "linalg/lanczos.h"
#include "linalg/openblas.h"
#include "linalg/probe.h"

namespace isomerge {
namespace {

// Relative, of checks with probe().
double soundness(const at::Tensor& a) { return a.scalar_type() == at::kFloat ? 1e-4 : 1e-10; }

// From this part of the pairs on, all of them by divide and conquer take less time.
constexpr double kPart = 0.4;

// Of the time for all pairs: the tridiagonal form, and per part of the vectors what finds them. Not
// measured by themselves: chosen so that plans fit merges (tests/bench/plan_bench.py).
constexpr double kTridiagonal = 0.5, kBack = 0.9;

// The same for a space of order r; measured for r = 768 and 1024, two at once.
constexpr double kLanczos = 1.4;

double norm(const at::Tensor& a) { return at::linalg_vector_norm(a).item<double>(); }

// All of them, ascending, as LAPACK has them; nothing if it does not converge.
std::optional<std::pair<at::Tensor, at::Tensor>> lapack_eigh(const at::Tensor& g) {
  try {
    const auto [values, vectors] = at::linalg_eigh(g);
    return std::pair(values, vectors);
  } catch (const c10::LinAlgError&) {
    return std::nullopt;
  }
}

// A random combination x = V y of the vectors: V^T x = y says that they are orthonormal, and
// g x = V diag(w) y that they belong to the values. A wrong pair fails one of the two but for a
// null set of y. Cost: 6 r k + 2 r^2 flops.
bool passes_check(const at::Tensor& g, const at::Tensor& values, const at::Tensor& vectors) {
  const at::Tensor y = probe(values.size(0), values).to(values.scalar_type());
  const at::Tensor x = at::matmul(vectors, y);
  const double size = norm(y), largest = values.abs().max().item<double>();
  const double lost = norm(at::matmul(vectors.t(), x) - y);
  const double residual = norm(at::matmul(vectors, y * values.unsqueeze(1)) - at::matmul(g, x));
  const double sound = soundness(g);
  return lost <= sound * size && residual <= sound * largest * size;
}

}  // namespace

at::Tensor short_side_rows(const at::Tensor& a) { return a.size(0) <= a.size(1) ? a : a.t(); }

at::Tensor singular_values(const SymmetricEigen& eigen) { return eigen.values.clamp_min(0).sqrt(); }

SymmetricEigen SymmetricEigen::leading(int64_t k) const {
  SymmetricEigen out = *this;
  if (k >= values.numel()) return out;
  out.values = values.narrow(0, 0, k);
  out.vectors = vectors.narrow(1, 0, k);
  out.next = values[k].item<double>();
  return out;
}

SymmetricEigen all_eigenpairs(const at::Tensor& g) { return lapack_eigenpairs(g, g.size(0)); }

std::optional<at::Tensor> all_eigenvalues(const at::Tensor& g) {
  try {
    const at::Tensor values = at::linalg_eigvalsh(g).flip(0);
    const double trace = g.diagonal().sum().item<double>(), size = norm(g);
    const bool is_sound = std::abs(values.sum().item<double>() - trace) <= soundness(g) * trace &&
                          std::abs(norm(values) - size) <= soundness(g) * size;
    return is_sound ? std::optional(values) : std::nullopt;
  } catch (const c10::LinAlgError&) {
    return std::nullopt;
  }
}

double eigen_work(int64_t r, int64_t k) {
  const auto order = static_cast<double>(r), part = static_cast<double>(k + 1) / order;
  if (lanczos_pays(r, k)) return order * order * kLanczos * static_cast<double>(lanczos_order(k));
  return order * order * order * (part <= kPart ? kTridiagonal + kBack * part : 1.0);
}

SymmetricEigen leading_eigenpairs(const at::Tensor& g, int64_t k) {
  if (lanczos_pays(g.size(0), k) && g.scalar_type() == at::kDouble) {
    if (auto found = lanczos_eigenpairs(g, k)) return *found;
  }
  return lapack_eigenpairs(g, k);
}

SymmetricEigen lapack_eigenpairs(const at::Tensor& g, int64_t k) {
  const int64_t r = g.size(0);
  const int64_t wanted = std::min(k + 1, r);  // one more, for the gap
  const bool is_part = static_cast<double>(wanted) <= kPart * static_cast<double>(r);
  std::optional<std::pair<at::Tensor, at::Tensor>> eigen;
  if (is_part || openblas_is_faster()) eigen = openblas_eigenpairs(g, is_part ? wanted : r);
  if (!eigen) eigen = lapack_eigh(g);
  SymmetricEigen out;
  out.is_sound = eigen.has_value();
  if (!out.is_sound) return out;
  const int64_t found = eigen->first.size(0);
  const at::Tensor values = eigen->first.flip(0);
  out.values = values.narrow(0, 0, k);
  out.vectors = eigen->second.narrow(1, found - k, k).flip(1);
  out.next = k < r ? values[k].item<double>() : 0.0;
  out.is_sound = k == 0 || passes_check(g, out.values, out.vectors);
  return out;
}

}  // namespace isomerge
