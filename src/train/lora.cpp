#include "train/lora.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"

namespace isomerge {
namespace {

std::string a_key(const std::string& name) { return name + "/lora_A"; }
std::string b_key(const std::string& name) { return name + "/lora_B"; }

bool is_adaptable(const std::string& name, const at::Tensor& tensor) {
  return tensor.dim() == 2 && is_adapter_weight(name);
}

bool is_linear(const std::string& name, const at::Tensor& tensor) {
  return is_adaptable(name, tensor) && !is_embedding_weight(name) &&
         !glob_matches("*lm_head.weight", name);
}

// What a glob that chooses nothing fits.
std::string fits_text(const Weights& parameters, const std::string& glob) {
  for (const auto& [name, tensor] : parameters) {
    if (!glob_matches(glob, name)) continue;
    return fmt::format("it fits {} {}, which is no matrix of a module (2-D, \"<module>.weight\")",
                       name, shape_text(tensor.sizes().vec()));
  }
  return "no such parameter";
}

Weights chosen(const Weights& parameters, const std::vector<std::string>& globs) {
  Weights targets;
  if (globs.empty()) {
    for (const auto& [name, tensor] : parameters) {
      if (is_linear(name, tensor)) targets.emplace(name, tensor);
    }
    if (targets.empty()) {
      throw input_error("lora: the module has no linear layer with a \"<module>.weight\"");
    }
    return targets;
  }
  for (const std::string& glob : globs) {
    bool is_used = false;
    for (const auto& [name, tensor] : parameters) {
      if (!is_adaptable(name, tensor) || !glob_matches(glob, name)) continue;
      targets.emplace(name, tensor);
      is_used = true;
    }
    if (!is_used) {
      throw input_error(fmt::format("lora target \"{}\": {}", glob, fits_text(parameters, glob)));
    }
  }
  return targets;
}

// Uniform in (-1/sqrt(n), 1/sqrt(n)): He's initialisation with a = sqrt(5) of a layer with n
// inputs.
at::Tensor initial_a(int64_t rank, int64_t n, uint64_t key) {
  at::Tensor a = at::empty({rank, n});
  float* const entries = a.mutable_data_ptr<float>();
  const double bound = 1.0 / std::sqrt(static_cast<double>(n));
  for (int64_t i = 0; i < a.numel(); ++i) {
    entries[i] =
        static_cast<float>(bound * (2.0 * random_uniform(key, static_cast<uint64_t>(i)) - 1.0));
  }
  return a;
}

}  // namespace

Weights lora_targets(const Weights& parameters, const LoraOptions& options) {
  Weights targets = chosen(parameters, options.targets);
  for (const auto& [name, tensor] : targets) {
    const int64_t most = std::min(tensor.size(0), tensor.size(1));
    if (options.rank > most) {
      throw input_error(fmt::format("lora: {} {} has rank {} at most, got {}", name,
                                    shape_text(tensor.sizes().vec()), most, options.rank));
    }
  }
  return targets;
}

LoraFactors::LoraFactors(Weights weights, const LoraOptions& options, int64_t seed)
    : weights_(std::move(weights)), scale_(options.scale()) {
  for (const auto& [name, weight] : weights_) {
    start_[name] = weight.detach().clone();
    const int64_t m = weight.size(0), n = weight.size(1);
    const uint64_t key = random_key(fmt::format("{}/{}", seed, a_key(name)));
    factors_[a_key(name)] =
        initial_a(options.rank, n, key).to(weight.device()).set_requires_grad(true);
    factors_[b_key(name)] =
        at::zeros({m, options.rank}, weight.detach().options()).set_requires_grad(true);
  }
}

std::vector<at::Tensor> LoraFactors::weights() const {
  std::vector<at::Tensor> out;
  for (const auto& [name, weight] : weights_) out.push_back(weight);
  return out;
}

std::vector<at::Tensor> LoraFactors::gradients(const std::vector<at::Tensor>& of_weights) const {
  const at::NoGradGuard no_gradient;
  Weights found;
  size_t next = 0;
  for (const auto& [name, weight] : weights_) {
    const at::Tensor& g = of_weights[next++];
    if (!g.defined()) continue;
    found[a_key(name)] = factors_.at(b_key(name)).t().matmul(g).mul_(scale_);
    found[b_key(name)] = g.matmul(factors_.at(a_key(name)).t()).mul_(scale_);
  }
  std::vector<at::Tensor> out;
  for (const auto& [name, factor] : factors_) out.push_back(found[name]);
  return out;
}

std::vector<LowRankWeight> LoraFactors::apply(at::ScalarType dtype) {
  const at::NoGradGuard no_gradient;
  std::vector<LowRankWeight> updates;
  for (auto& [name, weight] : weights_) {
    const at::Tensor a = convert_finite(factors_.at(a_key(name)), dtype, a_key(name));
    const at::Tensor b = convert_finite(factors_.at(b_key(name)).mul(scale_), dtype, b_key(name));
    weight.copy_(at::addmm(start_.at(name), b.to(at::kFloat), a.to(at::kFloat)));
    updates.push_back({name, b.detach().cpu(), a.detach().cpu()});
  }
  return updates;
}

}  // namespace isomerge
