// checkpoint/adapter_config.h -- adapter_config.json of a PEFT adapter: of which kind it is, and
// how its factors are scaled.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace isomerge {

enum class AdapterKind { kLora, kIa3 };

struct AdapterConfig {
  AdapterKind kind = AdapterKind::kLora;
  std::string base;                 // base_model_name_or_path; may be empty
  int64_t rank = 0;                 // r
  double alpha = 0.0;               // lora_alpha
  bool is_rank_stabilised = false;  // use_rslora: alpha / sqrt(r) instead of alpha / r
  bool is_input_first = false;      // fan_in_fan_out: weights are stored [in, out]
  // Regular expressions and what goes for the modules that they fit, in the file's order.
  std::vector<std::pair<std::string, double>> rank_pattern, alpha_pattern;

  // Of the module with this dotted name: by the first pattern that fits it, or its end after a dot,
  // as PEFT does; else the common value.
  int64_t rank_of(const std::string& module) const;
  double alpha_of(const std::string& module) const;

  // What the product of the module's factors is multiplied by.
  double scale_of(const std::string& module) const;
};

// Whether this is a folder with an adapter_config.json.
bool is_adapter(const std::filesystem::path& path);

// Reads the adapter_config.json of a folder.
// throws  one Error(kInput) with file and every reason: not JSON, a value of the wrong type, a kind
//         other than LoRA and (IA)^3, an option that changes what the adapter computes and that is
//         not among those above (DoRA, biases of factors, PiSSA and other initialisations that
//         change the base, ...), an unknown option that is neither false, null nor empty.
AdapterConfig read_adapter_config(const std::filesystem::path& folder);

}  // namespace isomerge
