#include "merge/rule.h"

#include <algorithm>
#include <utility>

#include <ATen/ops/isfinite.h>

#include "base/error.h"

namespace isomerge {
namespace {

void require_same_kind(const std::vector<Update>& updates) {
  if (updates.empty()) throw input_error("no updates to merge");
  const at::Tensor& first = updates.front().dense();
  for (const Update& update : updates) {
    if (update.shape() != first.sizes() || update.dense().scalar_type() != first.scalar_type()) {
      throw input_error("updates differ in shape or dtype");
    }
  }
}

}  // namespace

Rule with_second_look(Rule rule) {
  return [rule = std::move(rule)](const std::vector<Update>& updates) {
    Merged merged = rule(updates);
    const at::ScalarType dtype = merged.update.scalar_type();
    if (!merged.is_doubtful || dtype == at::kDouble) return merged;
    std::vector<Update> widened;
    for (const Update& update : updates) widened.emplace_back(update.dense().to(at::kDouble));
    merged = rule(widened);
    merged.update = merged.update.to(dtype);
    return merged;
  };
}

at::Tensor sum_of_updates(const std::vector<Update>& updates) {
  require_same_kind(updates);
  at::Tensor sum = updates.front().dense().clone();
  for (size_t t = 1; t < updates.size(); ++t) sum.add_(updates[t].dense());
  return sum;
}

at::Tensor mean_of_updates(const std::vector<Update>& updates) {
  return sum_of_updates(updates).div_(static_cast<double>(updates.size()));
}

int64_t require_matrices(const std::vector<Update>& updates) {
  require_same_kind(updates);
  if (updates.front().shape().size() != 2) throw input_error("updates are not 2-D");
  for (const Update& update : updates) {
    if (!at::isfinite(update.dense()).all().item<bool>()) {
      throw input_error("an update has NaN or Inf");
    }
  }
  return std::min(updates.front().shape()[0], updates.front().shape()[1]);
}

}  // namespace isomerge
