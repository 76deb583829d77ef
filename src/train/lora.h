// train/lora.h -- LoRA: an update of low rank is trained instead of a weight.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "checkpoint/adapter_writer.h"
#include "checkpoint/tensor_info.h"

namespace isomerge {

struct LoraOptions {
  int64_t rank = 0;                       // R; 0: no LoRA, the weights themselves are trained
  std::optional<double> alpha;            // default: R, which is scale 1
  std::vector<std::string> targets = {};  // globs of weights; empty: all linear layers

  double scale() const { return alpha ? *alpha / static_cast<double>(rank) : 1.0; }
};

// The parameters that LoRA adapts: matrices that an adapter can hold (is_adapter_weight()), chosen
// by the globs, or without any all of them but embeddings and a language model's output *lm_head,
// as PEFT's "all-linear".
// throws  Error(kInput): a glob that chooses none, with what it fits instead; no matrix at all; a
//         rank above min(m, n) of one of them.
Weights lora_targets(const Weights& parameters, const LoraOptions& options);

// W = W_0 + s B A of every target, s = alpha / R (Hu et al., arXiv:2106.09685), without dropout.
// B = 0 at first and A is uniform in (-1/sqrt(n), 1/sqrt(n)), as PEFT has it: by position from a
// counter-based generator keyed by seed and tensor name.
class LoraFactors {
 public:
  // weights  the module's parameters, W_0 now; [m, n] each
  LoraFactors(Weights weights, const LoraOptions& options, int64_t seed);

  // "<name>/lora_A" [R, n] and "<name>/lora_B" [m, R], fp32 leaves on the weights' device.
  const Weights& factors() const { return factors_; }

  // The weights, in the order of their names.
  std::vector<at::Tensor> weights() const;

  // dL/dA = s B^T G and dL/dB = s G A^T, in the order of factors(); undefined where G is.
  // of_weights  G = dL/dW of each of weights()
  std::vector<at::Tensor> gradients(const std::vector<at::Tensor>& of_weights) const;

  // Gives the weights their values by the factors as they are now, rounded to `dtype`.
  // returns  the updates b = s B and a = A, rounded so.
  std::vector<LowRankWeight> apply(at::ScalarType dtype = at::kFloat);

 private:
  Weights weights_, start_, factors_;
  double scale_;
};

}  // namespace isomerge
