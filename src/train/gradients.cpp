#include "train/gradients.h"

#include <algorithm>

#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "base/parallel.h"
#include "model/single_thread.h"
#include "model/torch_error.h"

namespace isomerge {
namespace {

// The sum over the examples, divided by the weight of the whole batch.
LossGradients chunk_gradients(const Objective& objective, std::span<const Example> examples,
                              const std::vector<at::Tensor>& parameters, double batch_weight) {
  const at::Tensor sum = objective.summed_loss(examples);
  if (!sum.requires_grad()) {
    throw input_error(objective.module_path().string() +
                      ": its results cannot be differentiated by any parameter; does forward "
                      "switch gradients off?");
  }
  const at::Tensor loss = sum.div(batch_weight);
  LossGradients out;
  out.loss = loss.item<double>();
  try {
    out.gradients = torch::autograd::grad({loss}, parameters, /*grad_outputs=*/{},
                                          /*retain_graph=*/false, /*create_graph=*/false,
                                          /*allow_unused=*/true);
  } catch (const std::exception& error) {
    throw translate_torch_error(error, objective.module_path().string() + ": differentiating");
  }
  return out;
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
