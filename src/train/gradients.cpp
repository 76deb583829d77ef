#include "train/gradients.h"

#include <algorithm>

#include "base/parallel.h"
#include "model/single_thread.h"

namespace isomerge {
namespace {

// The sum over the examples, divided by the weight of the whole batch.
LossGradients chunk_gradients(const Objective& objective, std::span<const Example> examples,
                              const std::vector<at::Tensor>& parameters, double batch_weight) {
  const at::Tensor loss = objective.summed_loss(examples).div(batch_weight);
  return {loss.item<double>(), differentiate(objective, loss, parameters)};
}

void add(LossGradients& sum, const LossGradients& part) {
  sum.loss += part.loss;
  for (size_t p = 0; p < part.gradients.size(); ++p) {
    at::Tensor& total = sum.gradients[p];
    if (!part.gradients[p].defined()) continue;
    // Autograd may give several parameters one and the same tensor: nothing is added into it.
    total = total.defined() ? total.add_(part.gradients[p]) : part.gradients[p].clone();
  }
}

}  // namespace

LossGradients loss_gradients(const Objective& objective, std::vector<Example> examples,
                             const std::vector<at::Tensor>& parameters, int threads) {
  objective.arrange(&examples);
  const std::span<const Example> all = examples;
  const auto chunk = static_cast<size_t>(objective.chunk_size());
  const size_t count = (all.size() + chunk - 1) / chunk;
  const double weight = objective.weight(all);
  LossGradients sum;
  sum.gradients.resize(parameters.size());
  const SingleThread single_thread;
  ordered_parallel(
      count, threads,
      [&](size_t i) {
        const auto part = all.subspan(i * chunk, std::min(chunk, all.size() - i * chunk));
        return chunk_gradients(objective, part, parameters, weight);
      },
      [&](size_t, const LossGradients& part) { add(sum, part); });
  return sum;
}

}  // namespace isomerge
