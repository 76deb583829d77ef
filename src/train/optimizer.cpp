#include "train/optimizer.h"

#include <cmath>
#include <utility>

#include <ATen/ops/scalar_tensor.h>
#include <fmt/format.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

#include "base/error.h"
#include "base/text.h"
#include "model/torch_error.h"

namespace isomerge {
namespace {

using torch::optim::AdamWOptions;
using torch::optim::AdamWParamState;

std::string mean_key(const std::string& name) { return "exp_avg/" + name; }
std::string square_key(const std::string& name) { return "exp_avg_sq/" + name; }
std::string count_key(const std::string& name) { return "updates/" + name; }

// A copy of state tensor `key` that fits `like`.
at::Tensor fitting(const Weights& state, const std::string& key, const at::Tensor& like) {
  const auto found = state.find(key);
  if (found == state.end()) throw input_error(fmt::format("no tensor \"{}\"", key));
  const at::Tensor& tensor = found->second;
  if (tensor.sizes() != like.sizes() || tensor.scalar_type() != like.scalar_type()) {
    throw input_error(fmt::format("{}: expected {} {}, got {} {}", key,
                                  dtype_text(like.scalar_type()), shape_text(like.sizes().vec()),
                                  dtype_text(tensor.scalar_type()),
                                  shape_text(tensor.sizes().vec())));
  }
  return tensor.to(like.device(), like.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

struct Optimizer::State {
  std::vector<std::string> names;
  std::vector<at::Tensor> parameters;
  double clip;
  torch::optim::AdamW adamw;

  void update(double learning_rate) {
    adamw.param_groups()[0].options().set_lr(learning_rate);
    try {
      adamw.step();
    } catch (const std::exception& error) {
      throw translate_torch_error(error, "updating the parameters");
    }
  }

  // What AdamW keeps of parameter p; null before its first update.
  AdamWParamState* find(size_t p) {
    const auto found = adamw.state().find(parameters[p].unsafeGetTensorImpl());
    return found == adamw.state().end() ? nullptr
                                        : static_cast<AdamWParamState*>(found->second.get());
  }
};

Optimizer::Optimizer(const Weights& parameters, const OptimizerOptions& options) {
  std::vector<std::string> names;
  std::vector<at::Tensor> tensors;
  for (const auto& [name, tensor] : parameters) {
    names.push_back(name);
    tensors.push_back(tensor);
  }
  torch::optim::AdamW adamw(tensors, AdamWOptions().weight_decay(options.weight_decay));
  state_.reset(new State{std::move(names), std::move(tensors), options.clip, std::move(adamw)});
}

Optimizer::~Optimizer() = default;

const std::vector<at::Tensor>& Optimizer::parameters() const { return state_->parameters; }

double Optimizer::step(std::vector<at::Tensor> gradients, double learning_rate) {
  for (size_t p = 0; p < gradients.size(); ++p) {
    state_->parameters[p].mutable_grad() = std::move(gradients[p]);
  }
  const double norm = torch::nn::utils::clip_grad_norm_(state_->parameters, state_->clip);
  if (std::isfinite(norm)) state_->update(learning_rate);
  for (const at::Tensor& parameter : state_->parameters) parameter.mutable_grad().reset();
  if (!std::isfinite(norm)) {
    throw input_error("the gradient has NaN or Inf; lower the learning rate");
  }
  return norm;
}

Weights Optimizer::state() const {
  Weights out;
  for (size_t p = 0; p < state_->names.size(); ++p) {
    const AdamWParamState* kept = state_->find(p);
    if (kept == nullptr) continue;
    const std::string& name = state_->names[p];
    const auto copy = [](const at::Tensor& tensor) {
      return tensor.to(at::Device(at::kCPU), tensor.scalar_type(), /*non_blocking=*/false,
                       /*copy=*/true);
    };
    out[mean_key(name)] = copy(kept->exp_avg());
    out[square_key(name)] = copy(kept->exp_avg_sq());
    out[count_key(name)] = at::scalar_tensor(kept->step(), at::kLong);
  }
  return out;
}

void Optimizer::restore(const Weights& state) {
  size_t used = 0;
  for (size_t p = 0; p < state_->names.size(); ++p) {
    const std::string& name = state_->names[p];
    if (!state.contains(count_key(name))) continue;
    const at::Tensor& like = state_->parameters[p];
    auto kept = std::make_unique<AdamWParamState>();
    kept->step(fitting(state, count_key(name), at::scalar_tensor(0, at::kLong)).item<int64_t>());
    kept->exp_avg(fitting(state, mean_key(name), like));
    kept->exp_avg_sq(fitting(state, square_key(name), like));
    state_->adamw.state()[like.unsafeGetTensorImpl()] = std::move(kept);
    used += 3;
  }
  if (used != state.size()) {
    throw input_error(
        fmt::format("{} tensors belong to no parameter of the encoder", state.size() - used));
  }
}

}  // namespace isomerge
