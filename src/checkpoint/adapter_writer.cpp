#include "checkpoint/adapter_writer.h"

#include <algorithm>
#include <array>

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "checkpoint/folder_writer.h"
#include "checkpoint/safetensors.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTensors = "adapter_model.safetensors";
constexpr const char* kConfig = "adapter_config.json";
constexpr std::string_view kWeight = ".weight";
constexpr std::string_view kPackedWeight = ".in_proj_weight";
constexpr std::string_view kOutput = ".out_proj.weight";

// What PEFT takes for torch.nn.Embedding, by the last part of the module's name.
constexpr std::array<std::string_view, 7> kEmbeddings = {
    "*embedding", "*embeddings", "embed_tokens", "shared", "wte", "wpe", "relative_attention_bias"};

std::string module_of(const std::string& name) {
  const bool is_packed = name.ends_with(kPackedWeight);
  return name.substr(0, name.size() - (is_packed ? kPackedWeight : kWeight).size());
}

// The modules of the adapter, each with the weights that PEFT adapts at one rank: one, or two of an
// attention.
using Modules = std::map<std::string, std::vector<LowRankWeight>>;

void require_names(const fs::path& folder, const std::vector<LowRankWeight>& weights) {
  std::vector<std::string> names;
  for (const LowRankWeight& weight : weights) {
    if (!is_adapter_weight(weight.name)) names.push_back(weight.name);
  }
  if (names.empty()) return;
  throw input_error(fmt::format(
      "{}: a PEFT adapter changes the weights of modules, named \"<module>.weight\", and has no "
      "place for {}",
      folder.string(), join(names, ", ")));
}

void require_factors(const fs::path& folder, const LowRankWeight& weight) {
  const at::Tensor &b = weight.b, &a = weight.a;
  const std::string label = fmt::format("{}: {}", folder.string(), weight.name);
  if (b.dim() != 2 || a.dim() != 2 || b.size(1) != a.size(0)) {
    throw Error(Fault::kInternal,
                fmt::format("{}: factors {} and {} have no product; please report this", label,
                            shape_text(b.sizes().vec()), shape_text(a.sizes().vec())));
  }
  if (!at::isfinite(b).all().item<bool>() || !at::isfinite(a).all().item<bool>()) {
    throw input_error(fmt::format("{}: the update has NaN or Inf", label));
  }
  if (weight.name.ends_with(kPackedWeight) && b.size(0) != 3 * a.size(1)) {
    throw input_error(
        fmt::format("{}: expected the packed projections of an attention, [3d, d], got [{}, {}]",
                    label, b.size(0), a.size(1)));
  }
}

// `weights` and, with rank 0, the packed projections of the base that they leave as they are.
std::vector<LowRankWeight> with_packed_projections(std::vector<LowRankWeight> weights,
                                                   const std::vector<TensorInfo>& base) {
  for (const TensorInfo& info : base) {
    const auto has_its_name = [&](const LowRankWeight& weight) { return weight.name == info.name; };
    if (!info.name.ends_with(kPackedWeight) || info.shape.size() != 2 ||
        std::any_of(weights.begin(), weights.end(), has_its_name)) {
      continue;
    }
    weights.push_back({info.name, at::zeros({info.shape[0], 0}), at::zeros({0, info.shape[1]})});
  }
  return weights;
}

// The same product at a higher rank.
LowRankWeight filled_up(const LowRankWeight& weight, int64_t rank) {
  const int64_t more = rank - weight.a.size(0);
  return {weight.name, at::constant_pad_nd(weight.b, {0, more}),
          at::constant_pad_nd(weight.a, {0, 0, 0, more})};
}

int64_t rank_of(const std::vector<LowRankWeight>& group) { return group.front().a.size(0); }

Modules modules_of(const fs::path& folder, const std::vector<LowRankWeight>& weights) {
  std::map<std::string, const LowRankWeight*> named;
  for (const LowRankWeight& weight : weights) {
    require_factors(folder, weight);
    named[weight.name] = &weight;
  }
  Modules modules;
  for (const auto& [name, weight] : named) {
    const std::string module = module_of(name);
    if (!name.ends_with(kPackedWeight)) {
      modules[module] = {*weight};
      continue;
    }
    const std::string output = module + std::string(kOutput);
    const auto found = named.find(output);
    const int64_t width = weight->a.size(1);
    const LowRankWeight second =
        found != named.end() ? *found->second
                             : LowRankWeight{output, at::zeros({width, 0}, weight->b.options()),
                                             at::zeros({0, width}, weight->a.options())};
    const int64_t rank = std::max(weight->a.size(0), second.a.size(0));
    modules[module] = {filled_up(*weight, rank), filled_up(second, rank)};
  }
  std::erase_if(modules, [&](const auto& it) {
    const std::string& name = it.second.front().name;
    const std::string attention =
        name.substr(0, name.size() - std::min(name.size(), kOutput.size()));
    return rank_of(it.second) == 0 ||
           (name.ends_with(kOutput) && named.contains(attention + std::string(kPackedWeight)));
  });
  if (modules.empty()) {
    throw input_error(folder.string() + ": no weight changes; an adapter cannot be empty");
  }
  return modules;
}

// Of equally frequent ones the highest.
int64_t most_frequent_rank(const Modules& modules) {
  std::map<int64_t, size_t> counts;
  for (const auto& [module, group] : modules) ++counts[rank_of(group)];
  int64_t most = counts.begin()->first;
  for (const auto& [rank, count] : counts) {
    if (count >= counts.at(most)) most = rank;
  }
  return most;
}

// PEFT takes the keys of its patterns for expressions that fit the end of a path.
std::string whole_path(const std::string& module) {
  std::string expression = "^";
  for (const char c : module) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) expression += '\\';
    expression += c;
  }
  return expression;
}

std::string config_text(const Modules& modules, const AdapterOptions& options) {
  const int64_t rank = most_frequent_rank(modules);
  std::map<std::string, int64_t> others;
  std::vector<std::string> targets;
  for (const auto& [module, group] : modules) {
    targets.push_back(module);
    if (rank_of(group) != rank) others[whole_path(module)] = rank_of(group);
  }
  const nlohmann::ordered_json config = {{"peft_type", "LORA"},
                                         {"task_type", nullptr},
                                         {"base_model_name_or_path", options.base},
                                         {"r", rank},
                                         {"lora_alpha", rank},
                                         {"rank_pattern", others},
                                         {"alpha_pattern", others},
                                         {"target_modules", targets},
                                         {"lora_dropout", 0.0},
                                         {"bias", "none"},
                                         {"fan_in_fan_out", false},
                                         {"use_rslora", false},
                                         {"use_dora", false},
                                         {"modules_to_save", nullptr},
                                         {"init_lora_weights", true},
                                         {"inference_mode", true}};
  return config.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// The tensors by the keys that PEFT gives them.
Weights tensors_of(const Modules& modules) {
  Weights tensors;
  for (const auto& [module, group] : modules) {
    const std::string key = "base_model.model." + module;
    if (is_embedding_weight(group.front().name)) {
      tensors[key + ".lora_embedding_A"] = group.front().b.t();
      tensors[key + ".lora_embedding_B"] = group.front().a.t();
      continue;
    }
    for (const LowRankWeight& weight : group) {
      const bool is_second = &weight != &group.front();
      const std::string at = key + (is_second ? ".base_layer.out_proj" : "");
      tensors[at + ".lora_A.weight"] = weight.a;
      tensors[at + ".lora_B.weight"] = weight.b;
    }
  }
  return tensors;
}

}  // namespace

bool is_adapter_weight(const std::string& name) {
  return name.ends_with(kPackedWeight) || (name.ends_with(kWeight) && name.size() > kWeight.size());
}

bool is_embedding_weight(const std::string& name) {
  if (!name.ends_with(kWeight)) return false;
  const std::string module = module_of(name);
  const std::string last = module.substr(module.rfind('.') + 1);
  return std::any_of(kEmbeddings.begin(), kEmbeddings.end(),
                     [&](std::string_view glob) { return glob_matches(glob, last); });
}

std::string last_part(const fs::path& path) {
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

void require_replaces_none(const fs::path& folder, const std::vector<fs::path>& inputs) {
  for (const fs::path& input : inputs) {
    for (const char* name : {kTensors, kConfig}) {
      std::error_code ignored;
      if (fs::equivalent(folder / name, input, ignored)) {
        throw input_error(fmt::format("{}: the adapter would replace the input {}", folder.string(),
                                      input.string()));
      }
    }
  }
}

void write_adapter(const fs::path& folder, const std::vector<LowRankWeight>& weights,
                   const AdapterOptions& options) {
  require_names(folder, weights);
  const Modules modules = modules_of(folder, with_packed_projections(weights, options.tensors));
  Weights tensors = tensors_of(modules);
  for (auto& [key, tensor] : tensors) {
    tensor = convert_finite(tensor, options.dtype, fmt::format("{}: {}", folder.string(), key));
  }
  std::vector<TensorInfo> infos;
  for (const auto& [key, tensor] : tensors) {
    infos.push_back({key, options.dtype, tensor.sizes().vec()});
  }
  auto metadata = options.metadata;
  metadata.emplace("format", "pt");  // what other readers of safetensors expect to find
  require_writable_folder(folder);
  SafetensorsWriter file(folder / kTensors, infos, metadata);
  for (const auto& [key, tensor] : tensors) file.write(key, tensor);
  AtomicFile config(folder / kConfig);
  config.write(config_text(modules, options));
  file.flush();
  config.flush();
  // An older configuration must not describe newer factors, not even for a moment.
  remove_old_file(folder / kConfig);
  if (!options.card.empty() && !fs::exists(folder / "README.md")) {
    write_text_file(folder / "README.md", options.card);
  }
  file.commit();
  config.commit();
}

}  // namespace isomerge
