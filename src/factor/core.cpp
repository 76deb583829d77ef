#include "factor/core.h"

#include <algorithm>

#include <ATen/ops/cat.h>
#include <ATen/ops/linalg_qr.h>

#include "linalg/product.h"

namespace isomerge {

at::Tensor Core::expand(const at::Tensor& core) const {
  const LowRank product = factors(core);
  return multiply(product.b, product.a);
}

LowRank Core::factors(const at::Tensor& core) const {
  return {multiply(left, core.to(at::kDouble)), right.t()};
}

std::optional<Core> core_of(const std::vector<Update>& updates) {
  std::vector<at::Tensor> columns, rows;
  int64_t width = 0;
  for (const Update& update : updates) {
    if (!update.is_low_rank()) return {};
    columns.push_back(update.factors().b);
    rows.push_back(update.factors().a);
    width += rows.back().size(0);
  }
  const int64_t m = columns.front().size(0), n = rows.front().size(1);
  if (width == 0 || width >= std::min(m, n)) return {};
  const auto [left, left_parts] = at::linalg_qr(at::cat(columns, 1));
  const auto [right, right_parts] = at::linalg_qr(at::cat(rows, 0).t());
  Core core{left, right, {}};
  int64_t first = 0;
  for (const at::Tensor& own : rows) {
    const int64_t rank = own.size(0);
    core.updates.emplace_back(
        multiply(left_parts.narrow(1, first, rank), right_parts.narrow(1, first, rank).t()));
    first += rank;
  }
  return core;
}

}  // namespace isomerge
