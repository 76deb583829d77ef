#include "model/encoder.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <ATen/ops/all.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/isfinite.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "checkpoint/layout.h"
#include "model/torch_error.h"

namespace isomerge {
namespace {

// name -> the module's own tensor: writing into it changes the module. Tied weights are one tensor
// under several names.
using Slots = std::map<std::string, at::Tensor>;

std::vector<int64_t> shape_of(const at::Tensor& tensor) { return tensor.sizes().vec(); }

bool all_finite(const at::Tensor& tensor) { return at::all(at::isfinite(tensor)).item<bool>(); }

torch::jit::Module load_module(const std::string& label, c10::Device device) {
  try {
    torch::jit::Module module = torch::jit::load(label, device);
    module.eval();
    return module;
  } catch (const std::exception& error) {
    const Error plain = translate_torch_error(error, label + ": cannot load as TorchScript");
    throw Error(plain.fault(),
                fmt::format("{}. Is it complete, and written by torch.jit.save?", plain.what()));
  }
}

// The method that maps one tensor to features; further arguments need defaults.
torch::jit::Method require_forward(const std::string& label, const torch::jit::Module& module) {
  const auto forward = module.find_method("forward");
  if (!forward) throw input_error(label + ": the module has no method forward");
  const auto& arguments = forward->function().getSchema().arguments();  // the first is self
  const bool fits = arguments.size() >= 2 &&
                    std::all_of(arguments.begin() + 2, arguments.end(),
                                [](const auto& it) { return it.default_value().has_value(); });
  if (!fits) {
    throw input_error(fmt::format("{}: expected forward(images), got {} arguments without self",
                                  label, arguments.size() - 1));
  }
  return *forward;
}

Slots slots_of(const torch::jit::Module& module) {
  Slots slots;
  for (const auto& parameter : module.named_parameters()) slots[parameter.name] = parameter.value;
  for (const auto& buffer : module.named_buffers()) slots[buffer.name] = buffer.value;
  return slots;
}

// Gives every tensor `floating` (if it is that) and bytes of its own: tensors of a file may share
// them.
void make_writable(const Slots& slots, at::ScalarType floating) {
  const at::NoGradGuard no_gradient;
  for (auto [name, tensor] : slots) {
    const auto dtype = is_floating(tensor.scalar_type()) ? floating : tensor.scalar_type();
    tensor.set_data(at::empty(tensor.sizes(), tensor.options().dtype(dtype)).copy_(tensor));
  }
}

// One line per pair of names that are one tensor in the module but differ in `weights`.
std::vector<std::string> tied_differences(const Slots& slots, const Weights& weights) {
  std::map<const void*, std::string> first_names;
  std::vector<std::string> lines;
  for (const auto& [name, tensor] : slots) {
    const auto [first, is_first] = first_names.emplace(tensor.unsafeGetTensorImpl(), name);
    const at::Tensor &a = weights.at(first->second), &b = weights.at(name);
    if (!is_first && !at::equal(a, b.to(a.options()))) {
      lines.push_back(fmt::format("{} and {}", first->second, name));
    }
  }
  return lines;
}

}  // namespace

struct Encoder::State {
  std::filesystem::path path;
  c10::Device device;
  at::ScalarType dtype;
  torch::jit::Module module;
  torch::jit::Method forward;
  std::vector<TensorInfo> layout;
  Slots slots;
  std::set<std::string> parameters;       // names of the slots that are no buffers
  std::string bound = "its own weights";  // for messages

  // "expected features [B, e]" and the like; says which weights were bound.
  Error failure(const std::string& what) const {
    return input_error(fmt::format("{}: with {}: {}", path.string(), bound, what));
  }

  at::Tensor run(const at::Tensor& images) const {
    try {
      const c10::IValue result = forward({images.to(device, dtype)});
      if (result.isTensor()) return result.toTensor().to(c10::kCPU);
      throw failure("expected forward to return a tensor, got " + result.tagKind());
    } catch (const std::exception& error) {
      throw translate_torch_error(
          error, fmt::format("{}: with {}: forward fails on images {}", path.string(), bound,
                             shape_text(shape_of(images))));
    }
  }

  // [B, e] fp32 on the CPU.
  at::Tensor features(const at::Tensor& images) const {
    // The optimising executor would run a batch in other ways after it has seen a few.
    const torch::jit::GraphOptimizerEnabledGuard plain_executor(false);
    const at::Tensor out = run(images);
    if (out.dim() != 2 || out.size(0) != images.size(0) || out.size(1) < 1 ||
        !is_floating(out.scalar_type())) {
      throw failure(fmt::format("expected floating features [{}, e], got {} {}", images.size(0),
                                dtype_text(out.scalar_type()), shape_text(shape_of(out))));
    }
    return out.to(at::kFloat).contiguous();
  }

  // Where NaN in the features may come from.
  std::string non_finite_tensors() const {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : slots) {
      if (is_floating(tensor.scalar_type()) && !all_finite(tensor)) names.push_back(name);
    }
    return names.empty() ? "no weight has any" : "so have the weights " + join(names, ", ");
  }
};

Encoder::Encoder(std::filesystem::path path, c10::Device device, at::ScalarType dtype) {
  const std::string label = InputFile(path).path().string();  // or says why it cannot be opened
  torch::jit::Module module = load_module(label, device);
  torch::jit::Method forward = require_forward(label, module);
  state_.reset(
      new State{std::move(path), device, dtype, std::move(module), std::move(forward), {}, {}, {}});
  state_->slots = slots_of(state_->module);
  for (const auto& parameter : state_->module.named_parameters()) {
    state_->parameters.insert(parameter.name);
  }
  if (state_->slots.empty()) {
    throw input_error(label + ": the module has no parameters to bind weights to. Was it frozen?");
  }
  for (const auto& [name, tensor] : state_->slots) {
    state_->layout.push_back({name, tensor.scalar_type(), shape_of(tensor)});
  }
  make_writable(state_->slots, dtype);
}

Encoder::~Encoder() = default;
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;

const std::filesystem::path& Encoder::path() const { return state_->path; }
c10::Device Encoder::device() const { return state_->device; }
at::ScalarType Encoder::dtype() const { return state_->dtype; }
const std::vector<TensorInfo>& Encoder::layout() const { return state_->layout; }

void Encoder::bind(const Weights& weights, const std::string& label) {
  Layout offered{label, {}};
  for (const auto& [name, tensor] : weights) {
    offered.tensors.push_back({name, tensor.scalar_type(), shape_of(tensor)});
  }
  require_same_layout({state_->path.string(), state_->layout}, {offered});
  if (const auto lines = tied_differences(state_->slots, weights); !lines.empty()) {
    throw input_error(fmt::format("{}: tensors that are one in {} differ: {}", label,
                                  state_->path.string(), join(lines, "; ")));
  }
  const at::NoGradGuard no_gradient;
  for (auto [name, tensor] : state_->slots) tensor.copy_(weights.at(name));
  state_->bound = label;
}

at::Tensor Encoder::encode(const at::Tensor& images) const {
  const c10::InferenceMode no_gradient;
  const at::Tensor features = state_->features(images);
  if (!all_finite(features)) {
    throw state_->failure("the features have NaN or Inf; " + state_->non_finite_tensors());
  }
  return features;
}

Weights Encoder::trainable_parameters() {
  Weights parameters;
  std::set<const void*> seen;
  for (const auto& [name, tensor] : state_->slots) {
    if (!state_->parameters.contains(name) || !is_floating(tensor.scalar_type())) continue;
    if (!seen.insert(tensor.unsafeGetTensorImpl()).second) continue;
    tensor.set_requires_grad(true);
    parameters[name] = tensor;
  }
  return parameters;
}

at::Tensor Encoder::encode_for_training(const at::Tensor& images) const {
  return state_->features(images);
}

Weights Encoder::weights() const {
  Weights copies;
  for (const auto& [name, tensor] : state_->slots) {
    copies[name] = tensor.detach().to(at::Device(at::kCPU), tensor.scalar_type(),
                                      /*non_blocking=*/false, /*copy=*/true);
  }
  return copies;
}

}  // namespace isomerge
