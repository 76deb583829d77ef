// model/language_model.h -- LanguageModel: a TorchScript encoder-decoder that reads prompts, and
// scores or writes answers. models/README.md describes its four methods; models/export_t5.py makes
// it of any T5.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "model/bound_module.h"
#include "model/tokens.h"

namespace isomerge {

class LanguageModel : public BoundModule {
 public:
  static constexpr int64_t kStart = 0;  // the decoder's first input, and filling
  static constexpr int64_t kEnd = 1;    // </s>

  // throws  Error(kInput) as BoundModule does; a method is missing or takes other arguments.
  explicit LanguageModel(std::filesystem::path path, c10::Device device = c10::Device(c10::kCPU),
                         at::ScalarType dtype = at::kFloat);

  // All methods are thread-safe, give the same bytes as BoundModule::call() says, and throw
  // Error(kInput) with the path: the module fails, gives another shape, or NaN or Inf.

  // The encoder's last states [B, S, d], which the other methods read: a prompt is encoded once.
  at::Tensor encode(const Tokens& prompts) const;

  // Per choice the sum over its tokens of log p(token | prompt, tokens before it), fp32 [B, C] on
  // the CPU, in one teacher-forced pass (MaTS; no length normalisation). A choice without tokens
  // (all mask 0) gets 0.
  // states  of `prompts` [B, S]
  // choices [B, C, T], each with </s> at its end
  at::Tensor score(const at::Tensor& states, const Tokens& prompts, const Tokens& choices) const;

  // The most probable token after those before it (the first of equals), again and again until
  // </s> or `most` tokens; </s> is left out. Cost: the decoder over the whole answer per token.
  std::vector<std::vector<int64_t>> generate(const at::Tensor& states, const Tokens& prompts,
                                             int64_t most) const;

  // Per example the mean over the target's tokens of -log p, [B] on the model's device; can be
  // differentiated by trainable_parameters(). The module stays in evaluation mode: no dropout. NaN
  // and Inf come out as they are.
  at::Tensor loss_for_training(const Tokens& prompts, const Tokens& targets) const;

  // Tokens that the model knows: the width of its logits. Cost: one token through the network.
  int64_t vocabulary() const;

 private:
  at::Tensor next_logits(const at::Tensor& states, const Tokens& prompts,
                         const at::Tensor& so_far) const;
};

}  // namespace isomerge
