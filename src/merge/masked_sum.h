// merge/masked_sum.h -- the sum of updates where something decides for it.
#pragma once

#include <vector>

#include <ATen/ops/empty_like.h>

#include "merge/elementwise.h"

namespace isomerge {

template <typename T, typename Decide>
at::Tensor masked_sum(const Block& block, const Decide& decide) {
  std::vector<const T*> entries;
  for (const at::Tensor& update : block.updates) entries.push_back(update.const_data_ptr<T>());
  at::Tensor out = at::empty_like(block.updates.front());
  T* const masked = out.mutable_data_ptr<T>();
  std::vector<double> values(entries.size());
  for (size_t i = 0; i < static_cast<size_t>(block.size()); ++i) {
    double sum = 0.0;
    for (size_t t = 0; t < entries.size(); ++t) {
      values[t] = static_cast<double>(entries[t][i]);
      sum += values[t];
    }
    masked[i] = decide(i, values, sum) ? static_cast<T>(sum) : T(0);
  }
  return out;
}

// decide(position in the block, entries of all tasks, their sum) -> bool, for every position: the
// sum where it is true, else 0. Sums in fp64, in task order.
template <typename Decide>
at::Tensor masked_sum_of(const Block& block, const Decide& decide) {
  return block.updates.front().scalar_type() == at::kDouble ? masked_sum<double>(block, decide)
                                                            : masked_sum<float>(block, decide);
}

}  // namespace isomerge
