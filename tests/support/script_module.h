// support/script_module.h -- TorchScript files made by the tests.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace isomerge {

struct ScriptModule {
  std::vector<std::pair<std::string, at::Tensor>> parameters;  // dotted names make submodules
  std::vector<std::pair<std::string, at::Tensor>> buffers;
  std::string methods;   // TorchScript source; "" for none
  bool training = true;  // as in a file saved without eval(): self.training

  void save(const std::filesystem::path& path) const;
};

// A language model (model/language_model.h) with these bodies: `score` an expression of its
// arguments (states, input_mask, choices, choice_mask), `logits` statements that set `logits` from
// states, input_mask and decoder_ids. Its states are the prompts' ids [B, S, 1]; every loss is 0.
ScriptModule language_module(const std::string& score, const std::string& logits);

// features = flattened images times visual.proj [3 * height * width, e] plus visual.bias [e].
ScriptModule linear_module(const at::Tensor& proj, const at::Tensor& bias);

}  // namespace isomerge
