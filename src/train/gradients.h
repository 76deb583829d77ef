// train/gradients.h -- the loss of a batch and its gradient.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "dataset/example_reader.h"
#include "eval/head.h"
#include "model/encoder.h"

namespace isomerge {

// Images that one thread takes through the network at a time. Another number rounds differently.
inline constexpr int64_t kChunkSize = 16;

struct LossGradients {
  double loss = 0.0;
  // One per parameter, on its device; undefined for a parameter that the features do not depend on.
  std::vector<at::Tensor> gradients;
};

// Mean over the examples of the cross entropy -log softmax(W f / |f|)[label], and its gradient by
// `parameters`; the head W is a constant.
// parameters  encoder.trainable_parameters(), or some of them
// threads     each computes chunks of kChunkSize examples; these are summed in their order, so the
//             bytes do not depend on the number of threads.
// memory      at most 2 * threads + 1 gradients beside the networks' activations
// throws      Error(kInput) as Encoder and ClassHead do; head and features do not fit; the
//             features do not depend on any parameter.
LossGradients loss_gradients(const Encoder& encoder, const ClassHead& head,
                             const ExampleReader& reader, std::span<const Example> examples,
                             const std::vector<at::Tensor>& parameters, int threads);

}  // namespace isomerge
