#include "merge/iso_cts.h"

#include <algorithm>
#include <cmath>

#include <ATen/ops/matmul.h>
#include <fmt/format.h>

#include "base/error.h"
#include "merge/basis_stack.h"
#include "merge/iso_c.h"

namespace isomerge {
namespace {

// The threshold needs sigma_1(D_t) only if the update is larger than the sum and the smallest kept
// value is so small that the bound by the Frobenius norm does not settle the matter.
double residual_threshold(int64_t r, const at::Tensor& update, const at::Tensor& kept_values,
                          double sigma_1_of_sum) {
  const double norm = std::sqrt(update.to(at::kDouble).square().sum().item<double>());
  const double smallest = kept_values[-1].item<double>();
  if (norm <= sigma_1_of_sum || smallest > null_threshold(r, std::max(norm, sigma_1_of_sum))) {
    return null_threshold(r, sigma_1_of_sum);
  }
  return null_threshold(r, std::max(spectral_norm(update), sigma_1_of_sum));
}

}  // namespace

IsoCtsBudget iso_cts_budget(int64_t r, int64_t tasks, double common_fraction) {
  if (!(common_fraction >= 0.0 && common_fraction <= 1.0)) {
    throw input_error(fmt::format("common_fraction must lie in [0, 1], got {}", common_fraction));
  }
  const auto common = static_cast<int64_t>(common_fraction * static_cast<double>(r));
  // nearbyint rounds halves to even, as Python's round() does.
  auto per_task = static_cast<int64_t>(
      std::nearbyint(static_cast<double>(r - common) / static_cast<double>(tasks)));
  per_task = std::min(per_task, r / tasks);
  return {r - per_task * tasks, per_task};
}

Merged merge_iso_cts(const std::vector<Update>& updates, const IsoCtsOptions& options) {
  const int64_t r = require_matrices(updates);
  const auto tasks = static_cast<int64_t>(updates.size());
  const IsoCtsBudget budget = iso_cts_budget(r, tasks, options.common_fraction);
  if (budget.per_task == 0) return merge_iso_c(updates, options.null_space);

  const Svd sum = thin_svd(sum_of_updates(updates));
  const double sigma_1 = sum.s[0].item<double>();
  Svd common = sum.leading(budget.common);
  const bool fill = options.null_space == NullSpace::kFill;
  const int64_t rank = fill ? budget.common : rank_above(common.s, null_threshold(r, sigma_1)).kept;
  const at::Tensor projector = common.u.narrow(1, 0, rank);

  BasisStack stack(options.null_space);
  for (const Update& update : updates) {
    const at::Tensor& d = update.dense();
    const Svd task = thin_svd(d.sub(at::matmul(projector, at::matmul(projector.t(), d))))
                         .leading(budget.per_task);
    stack.append(task, residual_threshold(r, d, task.s, sigma_1));
  }
  stack.append(common, null_threshold(r, sigma_1));
  const BasisStack::Orthonormal basis = stack.orthonormalise(r);
  const at::Tensor mean = basis.s.sum().div(static_cast<double>(r));
  return {at::matmul(basis.u, basis.vt).mul_(mean), basis.cut, basis.is_doubtful};
}

}  // namespace isomerge
