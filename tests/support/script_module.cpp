#include "support/script_module.h"

#include <torch/script.h>

namespace isomerge {
namespace {

// The module that owns a dotted name, made on the way; `name` becomes its last part.
torch::jit::Module owner_of(torch::jit::Module module, std::string& name) {
  for (size_t dot = name.find('.'); dot != name.npos; dot = name.find('.')) {
    const std::string part = name.substr(0, dot);
    if (!module.hasattr(part)) module.register_module(part, torch::jit::Module(part));
    module = module.attr(part).toModule();
    name = name.substr(dot + 1);
  }
  return module;
}

}  // namespace

void ScriptModule::save(const std::filesystem::path& path) const {
  torch::jit::Module module("Encoder");
  module.register_attribute("training", c10::BoolType::get(), training);
  for (auto [name, tensor] : parameters) {
    owner_of(module, name).register_parameter(name, tensor, /*is_buffer=*/false);
  }
  for (auto [name, tensor] : buffers) owner_of(module, name).register_buffer(name, tensor);
  if (!methods.empty()) module.define(methods);
  module.save(path.string());
}

ScriptModule language_module(const std::string& score, const std::string& logits) {
  return {.parameters = {{"w", at::zeros({1})}},
          .buffers = {},
          .methods =
              "def encode(self, input_ids: Tensor, input_mask: Tensor):\n"
              "    return (input_ids * input_mask).float().unsqueeze(2) + self.w\n"
              "def score(self, states: Tensor, input_mask: Tensor, choices: Tensor, choice_mask: "
              "Tensor):\n    return " +
              score +
              "\ndef next_logits(self, states: Tensor, input_mask: Tensor, decoder_ids: Tensor):\n"
              "    " +
              logits +
              "\n    return logits\n"
              "def forward(self, input_ids: Tensor, input_mask: Tensor, target: Tensor, "
              "target_mask: Tensor):\n"
              "    return torch.zeros([input_ids.size(0)]) + self.w\n"};
}

ScriptModule linear_module(const at::Tensor& proj, const at::Tensor& bias) {
  return {.parameters = {{"visual.proj", proj}, {"visual.bias", bias}},
          .buffers = {},
          .methods =
              "def forward(self, images: Tensor) -> Tensor:\n"
              "    return torch.matmul(images.flatten(1), self.visual.proj) + self.visual.bias\n"};
}

}  // namespace isomerge
