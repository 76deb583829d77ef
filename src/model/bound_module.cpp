#include "model/bound_module.h"

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

struct BoundModule::State {
  std::filesystem::path path;
  c10::Device device;
  at::ScalarType dtype;
  torch::jit::Module module;
  std::vector<TensorInfo> layout;
  Slots slots;
  std::set<std::string> parameters;       // names of the slots that are no buffers
  std::string bound = "its own weights";  // for messages
};

BoundModule::BoundModule(std::filesystem::path path, c10::Device device, at::ScalarType dtype) {
  const std::string label = InputFile(path).path().string();  // or says why it cannot be opened
  torch::jit::Module module = load_module(label, device);
  state_.reset(new State{std::move(path), device, dtype, std::move(module), {}, {}, {}});
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

BoundModule::~BoundModule() = default;
BoundModule::BoundModule(BoundModule&&) noexcept = default;
BoundModule& BoundModule::operator=(BoundModule&&) noexcept = default;

const std::filesystem::path& BoundModule::path() const { return state_->path; }
c10::Device BoundModule::device() const { return state_->device; }
at::ScalarType BoundModule::dtype() const { return state_->dtype; }
const std::vector<TensorInfo>& BoundModule::layout() const { return state_->layout; }

void BoundModule::require_method(const std::string& name,
                                 const std::vector<std::string>& arguments) const {
  const std::string label = state_->path.string();
  const auto method = state_->module.find_method(name);
  if (!method) throw input_error(fmt::format("{}: the module has no method {}", label, name));
  const auto& found = method->function().getSchema().arguments();  // the first is self
  const auto first_free = static_cast<std::ptrdiff_t>(arguments.size() + 1);
  const bool fits = found.size() > arguments.size() &&
                    std::all_of(found.begin() + first_free, found.end(),
                                [](const auto& it) { return it.default_value().has_value(); });
  if (!fits) {
    throw input_error(fmt::format("{}: expected {}({}), got {} arguments without self", label, name,
                                  join(arguments, ", "), found.size() - 1));
  }
}

Error BoundModule::failure(const std::string& what) const {
  return input_error(fmt::format("{}: with {}: {}", state_->path.string(), state_->bound, what));
}

at::Tensor BoundModule::call(const std::string& method, const std::vector<at::Tensor>& arguments,
                             const std::string& what) const {
  // The optimising executor would run a batch in other ways after it has seen a few.
  const torch::jit::GraphOptimizerEnabledGuard plain_executor(false);
  try {
    std::vector<c10::IValue> values;
    for (const at::Tensor& argument : arguments) {
      values.emplace_back(is_floating(argument.scalar_type())
                              ? argument.to(state_->device, state_->dtype)
                              : argument.to(state_->device));
    }
    const c10::IValue result = state_->module.get_method(method)(std::move(values));
    if (result.isTensor()) return result.toTensor();
    throw failure(fmt::format("expected {} to return a tensor, got {}", method, result.tagKind()));
  } catch (const std::exception& error) {
    std::vector<std::string> shapes;
    for (const at::Tensor& argument : arguments) shapes.push_back(shape_text(shape_of(argument)));
    throw translate_torch_error(
        error, fmt::format("{}: with {}: {} fails on {} {}", state_->path.string(), state_->bound,
                           method, what, join(shapes, ", ")));
  }
}

void BoundModule::require_finite(const at::Tensor& result, const std::string& what) const {
  if (all_finite(result)) return;
  std::vector<std::string> names;  // where it may come from
  for (const auto& [name, tensor] : state_->slots) {
    if (is_floating(tensor.scalar_type()) && !all_finite(tensor)) names.push_back(name);
  }
  constexpr size_t kMost = 8;
  const size_t left_out = names.size() - std::min(names.size(), kMost);
  names.resize(names.size() - left_out);
  throw failure(
      fmt::format("{} NaN or Inf; {}{}", what,
                  names.empty() ? "no weight has any" : "so have the weights " + join(names, ", "),
                  left_out > 0 ? fmt::format(" and {} more", left_out) : ""));
}

void BoundModule::bind(const Weights& weights, const std::string& label) {
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

Weights BoundModule::trainable_parameters() {
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

std::map<const void*, std::string> BoundModule::addresses() const {
  std::map<const void*, std::string> names;
  for (const auto& [name, tensor] : state_->slots) names.emplace(tensor.const_data_ptr(), name);
  return names;
}

Weights BoundModule::weights() const {
  Weights copies;
  for (const auto& [name, tensor] : state_->slots) {
    copies[name] = tensor.detach().to(at::Device(at::kCPU), tensor.scalar_type(),
                                      /*non_blocking=*/false, /*copy=*/true);
  }
  return copies;
}

}  // namespace isomerge
