#include "linalg/product.h"

#include <algorithm>

#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>

#include "linalg/openblas.h"

namespace isomerge {

at::Tensor multiply(const at::Tensor& a, const at::Tensor& b) {
  if (auto c = openblas_product(a, b)) return *c;
  return at::matmul(a, b);
}

at::Tensor gram_of_rows(const at::Tensor& a) {
  constexpr int64_t kStripes = 8;
  if (auto gram = openblas_gram(a)) return *gram;
  const int64_t m = a.size(0);
  const int64_t stripe = std::max<int64_t>((m + kStripes - 1) / kStripes, 64);
  at::Tensor gram = at::empty({m, m}, a.options());
  for (int64_t from = 0; from < m; from += stripe) {
    const int64_t rows = std::min(stripe, m - from);
    const at::Tensor block = at::matmul(a.narrow(0, from, rows), a.narrow(0, from, m - from).t());
    gram.narrow(0, from, rows).narrow(1, from, m - from).copy_(block);
    gram.narrow(0, from, m - from).narrow(1, from, rows).copy_(block.t());
  }
  return gram;
}

}  // namespace isomerge
