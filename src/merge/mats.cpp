#include "merge/mats.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros_like.h>

namespace isomerge {
namespace {

using Operator = std::function<at::Tensor(const at::Tensor&)>;

// C_t of one task.
at::Tensor apply(const MatsMetric& metric, size_t t, const at::Tensor& w) {
  if (!metric.entries.empty()) return metric.entries[t] * w;
  at::Tensor out = metric.inputs.empty() ? w : w.matmul(metric.inputs[t]);
  return metric.outputs.empty() ? out : metric.outputs[t].matmul(out);
}

at::Tensor sum_of(const std::vector<at::Tensor>& all) {
  at::Tensor sum = all.front().clone();
  for (size_t t = 1; t < all.size(); ++t) sum.add_(all[t]);
  return sum;
}

// sum_t C_t, and the same scaled by nothing: MaTS' identity objective is the mean itself.
Operator sum_operator(const MatsMetric& metric, size_t tasks) {
  if (!metric.entries.empty()) {
    return [total = sum_of(metric.entries)](const at::Tensor& w) { return total * w; };
  }
  if (metric.inputs.empty() && metric.outputs.empty()) {
    return [](const at::Tensor& w) { return w.clone(); };
  }
  if (metric.outputs.empty()) {
    return [total = sum_of(metric.inputs)](const at::Tensor& w) { return w.matmul(total); };
  }
  if (metric.inputs.empty()) {
    return [total = sum_of(metric.outputs)](const at::Tensor& w) { return total.matmul(w); };
  }
  return [&metric, tasks](const at::Tensor& w) {
    at::Tensor sum = apply(metric, 0, w);
    for (size_t t = 1; t < tasks; ++t) {
      sum.addmm_(metric.outputs[t], w.matmul(metric.inputs[t]));
    }
    return sum;
  };
}

at::Tensor start_of(const Factors& factors, const at::Tensor& base, const MatsOptions& options) {
  switch (options.start) {
    case MatsStart::kZero:
      return at::zeros_like(base);
    case MatsStart::kBase:
      return base.clone();
    case MatsStart::kAverage:
      return base + factors.sum().div_(static_cast<double>(factors.tasks())).to(base.scalar_type());
    case MatsStart::kTaskArithmetic:
      break;
  }
  return base + factors.sum().mul_(options.start_alpha).to(base.scalar_type());
}

}  // namespace

Merged merge_mats(const Factors& factors, const at::Tensor& base, const MatsMetric& metric,
                  const MatsOptions& options) {
  const auto tasks = static_cast<size_t>(factors.tasks());
  const bool is_identity =
      metric.entries.empty() && metric.inputs.empty() && metric.outputs.empty();
  at::Tensor right = at::zeros_like(base);
  for (size_t t = 0; t < tasks; ++t) {
    right.add_(apply(metric, t, base + factors.update(static_cast<int64_t>(t))));
  }
  if (is_identity) right.div_(static_cast<double>(tasks));
  Solution solution = conjugate_gradients(sum_operator(metric, tasks), right,
                                          start_of(factors, base, options), options.solver);
  Merged merged{solution.x.sub_(base)};
  merged.findings.solver = {true, solution.converged, solution.iterations, solution.first_residual,
                            solution.last_residual};
  return merged;
}

MatrixCost mats_cost(int64_t m, int64_t n, int64_t tasks, int64_t iterations) {
  MatrixCost cost;
  const double one = 2.0 * static_cast<double>(m * n) * static_cast<double>(m + n);
  // Counted in fp64 products; those in fp32 take about half the time.
  cost.products = one * static_cast<double>(tasks) * static_cast<double>(iterations + 2) / 2.0;
  cost.workspace = static_cast<uint64_t>(4 * (m * m + n * n) * (tasks + 2) + 8 * 6 * m * n);
  return cost;
}

}  // namespace isomerge
