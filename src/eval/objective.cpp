#include "eval/objective.h"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/tensor.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "model/torch_error.h"

namespace isomerge {

std::vector<at::Tensor> differentiate(const Objective& objective, const at::Tensor& loss,
                                      const std::vector<at::Tensor>& parameters) {
  if (!loss.requires_grad()) {
    throw input_error(objective.module_path().string() +
                      ": its results cannot be differentiated by any parameter; does forward "
                      "switch gradients off?");
  }
  try {
    return torch::autograd::grad({loss}, parameters, /*grad_outputs=*/{}, /*retain_graph=*/false,
                                 /*create_graph=*/false, /*allow_unused=*/true);
  } catch (const std::exception& error) {
    throw translate_torch_error(error, objective.module_path().string() + ": differentiating");
  }
}

at::Tensor ImageObjective::summed_loss(std::span<const Example> examples) const {
  std::vector<Example> placed(examples.begin(), examples.end());
  for (Example& example : placed) example.index += first_;
  const Batch batch = reader_.read(placed);
  const at::Tensor features = encoder_.encode_for_training(batch.images);
  head_.require_features_of(encoder_.path(), features.size(1));
  return at::cross_entropy_loss(head_.logits(features), at::tensor(batch.labels), /*weight=*/{},
                                at::Reduction::Sum);
}

void TextObjective::arrange(std::vector<Example>* examples) const {
  const auto length = [&](const Example& example) {
    return split_.prompts[static_cast<size_t>(example.index)].size();
  };
  std::stable_sort(examples->begin(), examples->end(),
                   [&](const Example& a, const Example& b) { return length(a) > length(b); });
}

double TextObjective::weight(std::span<const Example> examples) const {
  size_t tokens = 0;
  for (const Example& example : examples) {
    tokens += split_.targets[static_cast<size_t>(example.index)].size();
  }
  return static_cast<double>(tokens);
}

at::Tensor TextObjective::summed_loss(std::span<const Example> examples) const {
  std::vector<TokenRow> prompts, targets;
  for (const Example& example : examples) {
    prompts.push_back(split_.prompts[static_cast<size_t>(example.index)]);
    targets.push_back(split_.targets[static_cast<size_t>(example.index)]);
  }
  const Tokens target = pad_rows(targets);
  const at::Tensor means = model_.loss_for_training(pad_rows(prompts), target);
  return (means * target.mask.sum(1).to(means.options())).sum();
}

}  // namespace isomerge
