// train/gradients.h -- the loss of a batch and its gradient.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "eval/objective.h"

namespace isomerge {

struct LossGradients {
  double loss = 0.0;
  // One per parameter, on its device; undefined for a parameter that the loss does not depend on.
  std::vector<at::Tensor> gradients;
};

// The objective's loss over these examples, and its gradient by `parameters`.
// parameters  the module's trainable_parameters(), or some of them
// threads     each computes chunks of examples; these are summed in their order, so the bytes do
//             not depend on the number of threads.
// memory      at most 2 * threads + 1 gradients beside the networks' activations
// throws      Error(kInput) as the objective does; the loss does not depend on any parameter.
LossGradients loss_gradients(const Objective& objective, std::vector<Example> examples,
                             const std::vector<at::Tensor>& parameters, int threads);

}  // namespace isomerge
