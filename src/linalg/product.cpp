#include "linalg/product.h"

#include <algorithm>

#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include "linalg/openblas.h"

namespace isomerge {
namespace {

void write_product(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b) {
  if (openblas_is_faster() && openblas_write_product(c, a, b)) return;
  at::Tensor out = c;
  at::mm_out(out, a, b);
}

// The upper triangle of gram + a a^T, by blocks on and above the diagonal.
void add_upper_gram(const at::Tensor& gram, const at::Tensor& a) {
  constexpr int64_t kStripes = 8;
  if (openblas_add_upper_gram(gram, a)) return;
  const int64_t m = a.size(0);
  const int64_t stripe = std::max<int64_t>((m + kStripes - 1) / kStripes, 64);
  for (int64_t from = 0; from < m; from += stripe) {
    const int64_t rows = std::min(stripe, m - from);
    gram.narrow(0, from, rows)
        .narrow(1, from, m - from)
        .addmm_(a.narrow(0, from, rows), a.narrow(0, from, m - from).t());
  }
}

// The lower triangle from the upper one. Tile by tile, since a column at a time leaves the cache.
void mirror_upper(const at::Tensor& gram) {
  constexpr int64_t kTile = 32;
  const int64_t m = gram.size(0);
  if (!gram.device().is_cpu()) {
    gram.copy_(gram.triu().add_(gram.triu(1).t()));
    return;
  }
  auto* const g = gram.mutable_data_ptr<double>();
  for (int64_t top = 0; top < m; top += kTile) {
    for (int64_t left = top; left < m; left += kTile) {
      for (int64_t i = top; i < std::min(top + kTile, m); ++i) {
        for (int64_t j = std::max(left, i + 1); j < std::min(left + kTile, m); ++j) {
          g[j * m + i] = g[i * m + j];
        }
      }
    }
  }
}

// Calls use(first, block) for blocks of columns of `a` in fp64.
template <typename Use>
void for_each_widened(const at::Tensor& a, const Use& use) {
  constexpr int64_t kEntries = int64_t{1} << 20;  // 8 MB
  const int64_t step = std::max<int64_t>(kEntries / std::max<int64_t>(a.size(0), 1), 1);
  for (int64_t first = 0; first < a.size(1); first += step) {
    use(first, a.narrow(1, first, std::min(step, a.size(1) - first)).to(at::kDouble));
  }
}

}  // namespace

at::Tensor multiply(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() == b.scalar_type()) {
    if (openblas_is_faster()) {
      if (auto c = openblas_product(a, b)) return *c;
    }
    return at::mm(a, b);
  }
  const at::Tensor c = at::empty({a.size(0), b.size(1)}, a.options().dtype(at::kDouble));
  if (a.scalar_type() == at::kFloat) {
    for_each_widened(a.t(), [&](int64_t first, const at::Tensor& rows) {
      write_product(c.narrow(0, first, rows.size(1)), rows.t(), b);
    });
  } else {
    for_each_widened(b, [&](int64_t first, const at::Tensor& columns) {
      write_product(c.narrow(1, first, columns.size(1)), a, columns);
    });
  }
  return c;
}

at::Tensor gram_of_rows(const at::Tensor& a, const at::Tensor& more) {
  at::Tensor gram = more.defined()
                        ? more.clone(at::MemoryFormat::Contiguous)
                        : at::zeros({a.size(0), a.size(0)}, a.options().dtype(at::kDouble));
  if (a.scalar_type() == at::kFloat) {
    for_each_widened(a, [&](int64_t, const at::Tensor& block) { add_upper_gram(gram, block); });
  } else {
    add_upper_gram(gram, a);
  }
  mirror_upper(gram);
  return gram;
}

}  // namespace isomerge
