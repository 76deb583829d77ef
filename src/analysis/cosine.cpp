#include "analysis/cosine.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include "base/parallel.h"
#include "base/progress.h"
#include "linalg/product.h"
#include "task/named_work.h"

namespace isomerge {
namespace {

struct Part {
  size_t tensor = 0;
  RowBlock block;
};

std::vector<Part> cut_into_parts(const std::vector<TensorInfo>& tensors) {
  std::vector<Part> parts;
  for (size_t i = 0; i < tensors.size(); ++i) {
    for (const RowBlock& block : row_blocks(tensors[i])) parts.push_back({i, block});
  }
  return parts;
}

// Inner products of all updates, D_M last, over one block. [T + 1, T + 1] fp64.
at::Tensor block_products(const Updates& updates, const MergedUpdate* merged,
                          const std::string& name, const RowBlock& block) {
  const auto loaded = updates.load_rows(name, block.first, block.rows, at::kFloat, {false});
  std::vector<at::Tensor> rows;
  for (const Update& update : loaded.updates) {
    rows.push_back(update.dense().reshape({-1}).to(at::kDouble));
  }
  if (merged != nullptr) {
    rows.push_back(
        merged->rows(name, block.first, block.rows, at::kFloat).reshape({-1}).to(at::kDouble));
    return gram_of_rows(at::stack(rows));
  }
  const at::Tensor products = gram_of_rows(at::stack(rows));
  const at::Tensor with_sum = products.sum(1, /*keepdim=*/true);
  const at::Tensor upper = at::cat({products, with_sum}, 1);
  return at::cat({upper, at::cat({with_sum.t(), with_sum.sum().view({1, 1})}, 1)}, 0);
}

CosineGroup cosines_of(const std::string& group, int64_t tensors, const at::Tensor& products) {
  const int64_t count = products.size(0);
  const auto product = products.accessor<double, 2>();
  CosineGroup out{group, tensors, {}, {}};
  for (int64_t i = 0; i < count; ++i) out.norms.push_back(std::sqrt(std::max(product[i][i], 0.0)));
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = 0; j < count; ++j) {
      const double size = out.norms[static_cast<size_t>(i)] * out.norms[static_cast<size_t>(j)];
      out.cosines.push_back(size > 0.0 ? std::optional(product[i][j] / size) : std::nullopt);
    }
  }
  return out;
}

}  // namespace

std::vector<CosineGroup> update_cosines(const Updates& updates, const MergedUpdate* merged,
                                        const CosineSettings& settings) {
  const std::vector<TensorInfo> tensors = selected_floating(updates.tensors(), settings.selection);
  const std::vector<Part> parts = cut_into_parts(tensors);
  const auto count = static_cast<int64_t>(updates.tasks().size()) + 1;
  std::map<std::string, std::pair<int64_t, at::Tensor>, NaturalOrder> groups;
  for (const TensorInfo& info : tensors) {
    auto& [members, products] = groups[group_of(info.name, settings.grouping)];
    if (!products.defined()) products = at::zeros({count, count}, at::kDouble);
    ++members;
  }
  Progress progress("cosines", std::max<size_t>(parts.size(), 1));
  ordered_parallel(
      parts.size(), settings.threads,
      [&](size_t i) {
        const std::string& name = tensors[parts[i].tensor].name;
        if (parts[i].block.first == 0) updates.will_need(name);
        return named_work(name,
                          [&] { return block_products(updates, merged, name, parts[i].block); });
      },
      [&](size_t i, const at::Tensor& products) {
        const std::string& name = tensors[parts[i].tensor].name;
        groups[group_of(name, settings.grouping)].second.add_(products);
        progress.add(1, name);
      });
  std::vector<CosineGroup> out;
  for (const auto& [group, sums] : groups)
    out.push_back(cosines_of(group, sums.first, sums.second));
  return out;
}

}  // namespace isomerge
