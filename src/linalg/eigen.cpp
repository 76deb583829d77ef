#include "linalg/eigen.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <c10/util/Exception.h>

#include "linalg/openblas.h"

namespace isomerge {
namespace {

constexpr double kSound = 1e-10;     // relative, of checks with a random vector
constexpr int64_t kGramStripes = 8;  // of which the blocks of a Gram matrix are made

// The same numbers in every call and thread: results must not depend on anything but the data.
at::Tensor random_columns(const at::Tensor& like, int64_t count) {
  at::Generator generator = at::detail::createCPUGenerator(20250611);
  return at::randn({like.size(0), count}, generator, at::TensorOptions().dtype(at::kDouble))
      .to(like.device());
}

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
  const at::Tensor y = random_columns(values, 1);
  const at::Tensor x = at::matmul(vectors, y);
  const double size = norm(y), largest = values.abs().max().item<double>();
  const double lost = norm(at::matmul(vectors.t(), x) - y);
  const double residual = norm(at::matmul(vectors, y * values.unsqueeze(1)) - at::matmul(g, x));
  return lost <= kSound * size && residual <= kSound * largest * size;
}

}  // namespace

at::Tensor gram_of_rows(const at::Tensor& a) {
  if (auto gram = openblas_gram(a.contiguous())) return *gram;
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

at::Tensor short_side_rows(const at::Tensor& a) {
  return (a.size(0) <= a.size(1) ? a : a.t()).to(at::kDouble).contiguous();
}

at::Tensor singular_values(const SymmetricEigen& eigen) { return eigen.values.clamp_min(0).sqrt(); }

SymmetricEigen all_eigenpairs(const at::Tensor& g) { return leading_eigenpairs(g, g.size(0)); }

SymmetricEigen leading_eigenpairs(const at::Tensor& g, int64_t k) {
  const int64_t r = g.size(0);
  const int64_t wanted = std::min(k + 1, r);  // one more, for the gap
  auto eigen = wanted <= r / 2 ? openblas_eigenpairs(g, wanted) : std::nullopt;
  if (!eigen) eigen = lapack_eigh(g);
  SymmetricEigen out;
  out.is_sound = eigen.has_value();
  if (!out.is_sound) return out;
  const at::Tensor values = eigen->first.flip(0);
  out.values = values.narrow(0, 0, k);
  out.vectors = eigen->second.flip(1).narrow(1, 0, k);
  out.next = k < r ? values[k].item<double>() : 0.0;
  out.is_sound = k == 0 || passes_check(g, out.values, out.vectors);
  return out;
}

}  // namespace isomerge
