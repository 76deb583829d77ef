#include "merge/tsv_m.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <ATen/ops/zeros.h>

#include "linalg/eigen.h"
#include "merge/basis_stack.h"

namespace isomerge {

int64_t tsv_m_rank(int64_t r, int64_t tasks) { return r / tasks; }

Merged merge_tsv_m(Factors factors, NullSpace null_space) {
  const int64_t r = factors.rank();
  const int64_t wanted = tsv_m_rank(r, factors.tasks());
  const int64_t s = std::min(wanted, factors.directions());
  const at::TensorOptions options = factors.update(0).options();
  const at::ScalarType product_dtype = factors.product_dtype();
  const std::vector<int64_t> shape = factors.update(0).sizes().vec();
  Merged merged;
  merged.findings.cut = (wanted - s) * factors.tasks();
  BasisStack stack(factors.route(), null_space);
  for (int64_t t = 0; s > 0 && t < factors.tasks(); ++t) {
    const Svd task = factors.triplets(t, s);
    stack.append(task, null_threshold(r, task.s[0].item<double>()),
                 [&] { return leading_triplets(factors.update(t), s, Route::kLapack); });
    merged.findings.tied += is_tied_cut(task, r) ? 1 : 0;
    factors.release(t);
  }
  if (stack.is_empty()) {
    merged.update = at::zeros(shape, options);
    return merged;
  }
  const BasisStack::Orthonormal basis =
      std::move(stack).orthonormalise(r, /*first_is_orthonormal=*/true, &merged.findings);
  merged.update = combine(basis.u, basis.s, basis.v, product_dtype).to(options);
  return merged;
}

// The stacks and their copies; six matrices of order r.
MatrixCost tsv_m_cost(int64_t m, int64_t n, int64_t tasks) {
  const auto r = static_cast<double>(std::min(m, n)), all = static_cast<double>(m * n);
  MatrixCost cost;
  cost.per_task = tsv_m_rank(std::min(m, n), tasks);
  const double stack = static_cast<double>(m + n) * r;
  cost.shared_products = static_cast<double>(tasks) * all * r * 1.125;
  cost.products = cost.shared_products + 3 * all * r + stack * r + 8 * r * r * r;
  cost.shared_eigen = static_cast<double>(tasks) * eigen_work(std::min(m, n), cost.per_task);
  cost.eigen = cost.shared_eigen + 2 * r * r * r;
  cost.workspace = static_cast<uint64_t>(8 * (2 * stack + 6 * r * r));
  cost.shared_bytes = static_cast<uint64_t>(8 * r * r);
  return cost;
}

}  // namespace isomerge
