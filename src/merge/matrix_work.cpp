#include "merge/matrix_work.h"

#include <optional>
#include <utility>

#include <ATen/ops/zeros_like.h>

#include "factor/core.h"
#include "linalg/product.h"

namespace isomerge {
namespace {

// A matrix as it is, a vector as one column.
at::Tensor as_matrix(const at::Tensor& tensor) {
  return tensor.dim() == 1 ? tensor.view({-1, 1}) : tensor;
}

// The updates as a matrix rule takes them: nobody else holds them, so that it can free each.
std::vector<Update> dense_on(const MatrixWork& work, std::vector<Update> updates) {
  for (Update& update : updates) {
    update = Update(as_matrix(update.as_dense(work.dtype).dense()).to(work.device));
  }
  return updates;
}

Merged merge_core(const MatrixWork& work, const Core& core, const MatrixPlace& place) {
  const Route route = work.dtype == at::kDouble ? Route::kLapack : Route::kGram;
  const int64_t rank = std::min(core.left.size(0), core.right.size(0));
  Merged merged = work.rules.matrix(Factors(core.updates, rank, route), place);
  merged.factors = core.factors(merged.update);
  merged.update = multiply(merged.factors.b, merged.factors.a);
  return merged;
}

Merged merge_in_coordinates(const MatrixWork& work, const std::vector<Update>& updates,
                            const at::Tensor& base) {
  const CoordinateBlock coordinates(work, updates);
  const Block block = coordinates.block();
  if (block.size() == 0) return {at::zeros_like(base)};
  const at::Tensor merged = work.rules.in_coordinates->merge(block);
  return {multiply(coordinates.basis(), merged.view({-1, base.size(1)}))};
}

}  // namespace

Merged merge_matrix(const MatrixWork& work, std::vector<Update> updates, const at::Tensor& base,
                    FactorSource source) {
  const MatrixPlace place{work.piece.info, work.piece.first, as_matrix(base)};
  std::optional<Core> core;
  if (work.rules.takes_cores) core = core_of(updates);
  Merged merged;
  if (work.rules.coordinates) {
    merged = merge_in_coordinates(work, updates, place.base);
  } else if (core) {
    merged = merge_core(work, *core, place);
  } else {
    merged =
        work.rules.matrix(Factors(dense_on(work, std::move(updates)), std::move(source)), place);
  }
  merged.update = merged.update.to(c10::kCPU, work.dtype).view(base.sizes());
  return merged;
}

CoordinateBlock::CoordinateBlock(const MatrixWork& work, const std::vector<Update>& updates)
    : work_(work), coordinates_(work.rules.coordinates(updates, work.dtype)) {}

Block CoordinateBlock::block() const {
  const TensorInfo& info = work_.piece.info;
  Block block{info, work_.tasks, work_.piece.first * info.shape[1], {}};
  for (const at::Tensor& update : coordinates_.updates) block.updates.push_back(update.view({-1}));
  return block;
}

}  // namespace isomerge
