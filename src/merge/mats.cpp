#include "merge/mats.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros_like.h>

#include "linalg/eigen.h"
#include "linalg/product.h"

namespace isomerge {
namespace {

using Operator = std::function<at::Tensor(const at::Tensor&)>;

// C_t of one task.
at::Tensor apply(const MatsMetric& metric, size_t t, const at::Tensor& w) {
  if (!metric.entries.empty()) return metric.entries[t] * w;
  const at::Tensor out = metric.inputs.empty() ? w : multiply(w, metric.inputs[t]);
  return metric.outputs.empty() ? out : multiply(metric.outputs[t], out);
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
    return [total = sum_of(metric.inputs)](const at::Tensor& w) { return multiply(w, total); };
  }
  if (metric.inputs.empty()) {
    return [total = sum_of(metric.outputs)](const at::Tensor& w) { return multiply(total, w); };
  }
  return [&metric, tasks](const at::Tensor& w) {
    at::Tensor sum = apply(metric, 0, w);
    for (size_t t = 1; t < tasks; ++t) sum.add_(apply(metric, t, w));
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

// What finding all eigenpairs of order n costs, over n^3, in flops of products.
constexpr double kEigenFlops = 18.0;

// The steps that a product with the sum of the inputs' Gram matrices takes must be worth more than
// its eigenpairs and three products with them.
bool is_worth_rotating(const MatsMetric& metric, const at::Tensor& base, int64_t iterations) {
  if (metric.inputs.empty() || !metric.outputs.empty() || !base.device().is_cpu()) return false;
  const auto m = static_cast<double>(base.size(0)), n = static_cast<double>(base.size(1));
  return static_cast<double>(iterations) * 2 * m * n * n > kEigenFlops * n * n * n + 6 * m * n * n;
}

// Conjugate gradients take the same steps in any orthonormal basis. In that of the eigenvectors of
// sum_t A_t, a step costs no product of matrices. In fp32 the basis is as good as the steps are.
// Nothing if the eigenpairs fail their check.
std::optional<Solution> solve_rotated(const MatsMetric& metric, const at::Tensor& right,
                                      const at::Tensor& start,
                                      const ConjugateGradientsOptions& options) {
  const SymmetricEigen eigen = all_eigenpairs(sum_of(metric.inputs).to(start.scalar_type()));
  if (!eigen.is_sound) return std::nullopt;
  const auto rotated = [&](const at::Tensor& w) { return multiply(w, eigen.vectors); };
  const at::Tensor from = rotated(start);
  Solution solution = conjugate_gradients([&](const at::Tensor& w) { return w * eigen.values; },
                                          rotated(right), from, options);
  // The way from the start, so that no step means the start itself.
  const at::Tensor way = solution.x.sub_(from);
  solution.x = start + multiply(way, eigen.vectors.t());
  return solution;
}

Solution solve(const MatsMetric& metric, size_t tasks, const at::Tensor& right,
               const at::Tensor& start, const ConjugateGradientsOptions& options) {
  if (is_worth_rotating(metric, right, options.iterations)) {
    auto solution = solve_rotated(metric, right, start, options);
    if (solution) return *std::move(solution);
  }
  return conjugate_gradients(sum_operator(metric, tasks), right, start, options);
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
  const Solution solution =
      solve(metric, tasks, right, start_of(factors, base, options), options.solver);
  Merged merged{solution.x - base};
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
