#include "train/gradients.h"

#include <algorithm>

#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"
#include "base/parallel.h"
#include "model/single_thread.h"
#include "model/torch_error.h"

namespace isomerge {
namespace {

at::Tensor features_of(const Encoder& encoder, const ClassHead& head, const at::Tensor& images) {
  const at::Tensor features = encoder.encode_for_training(images);
  head.require_features_of(encoder.path(), features.size(1));
  if (!features.requires_grad()) {
    throw input_error(encoder.path().string() +
                      ": the features cannot be differentiated by any parameter; does forward "
                      "switch gradients off?");
  }
  return features;
}

// The sum over the examples, divided by `batch_size`.
LossGradients chunk_gradients(const Encoder& encoder, const ClassHead& head, const Batch& batch,
                              const std::vector<at::Tensor>& parameters, double batch_size) {
  const at::Tensor logits = head.logits(features_of(encoder, head, batch.images));
  const at::Tensor loss =
      at::cross_entropy_loss(logits, at::tensor(batch.labels), /*weight=*/{}, at::Reduction::Sum)
          .div(batch_size);
  LossGradients out;
  out.loss = loss.item<double>();
  try {
    out.gradients = torch::autograd::grad({loss}, parameters, /*grad_outputs=*/{},
                                          /*retain_graph=*/false, /*create_graph=*/false,
                                          /*allow_unused=*/true);
  } catch (const std::exception& error) {
    throw translate_torch_error(error, encoder.path().string() + ": differentiating forward");
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

LossGradients loss_gradients(const Encoder& encoder, const ClassHead& head,
                             const ExampleReader& reader, std::span<const Example> examples,
                             const std::vector<at::Tensor>& parameters, int threads) {
  const size_t chunk = kChunkSize, count = (examples.size() + chunk - 1) / chunk;
  LossGradients sum;
  sum.gradients.resize(parameters.size());
  const SingleThread single_thread;
  ordered_parallel(
      count, threads,
      [&](size_t i) {
        const auto part = examples.subspan(i * chunk, std::min(chunk, examples.size() - i * chunk));
        return chunk_gradients(encoder, head, reader.read(part), parameters,
                               static_cast<double>(examples.size()));
      },
      [&](size_t, const LossGradients& part) { add(sum, part); });
  return sum;
}

}  // namespace isomerge
