#include "checkpoint/adapter_config.h"

#include <cmath>
#include <optional>
#include <regex>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "checkpoint/json_check.h"

namespace isomerge {
namespace {

using Json = nlohmann::ordered_json;
using Patterns = std::vector<std::pair<std::string, double>>;

constexpr const char* kFile = "adapter_config.json";
constexpr size_t kMaxDepth = 16;

// Options that say how an adapter was or will be trained, or of which files it is: the factors in
// the file mean the same whatever they are. What targets there are, the names of the factors say.
const std::set<std::string> kWithoutEffect = {"auto_mapping",
                                              "base_model_name_or_path",
                                              "corda_config",
                                              "ensure_weight_tying",
                                              "eva_config",
                                              "exclude_modules",
                                              "feedforward_modules",
                                              "inference_mode",
                                              "init_ia3_weights",
                                              "layers_pattern",
                                              "layers_to_transform",
                                              "loftq_config",
                                              "lora_dropout",
                                              "lora_ga_config",
                                              "megatron_core",
                                              "modules_to_save",
                                              "peft_version",
                                              "qalora_group_size",
                                              "revision",
                                              "runtime_config",
                                              "target_modules",
                                              "task_type",
                                              "tokenizer_name_or_path",
                                              "version"};

// Initialisations that leave the base as it is. The others (PiSSA, OLoRA, CorDA, LoftQ) take
// something out of it, so that their factors belong to another base.
const std::set<std::string> kInitialisations = {"gaussian", "eva", "orthogonal", "mica"};

bool says_nothing(const Json& value) {
  return value.is_null() || value == false ||
         ((value.is_object() || value.is_array() || value.is_string()) && value.empty());
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& file) : file_(file), json_(parse()) {}

  AdapterConfig read() {
    AdapterConfig config;
    config.kind = kind();
    throw_if_any();  // the options of another kind mean something else
    config.is_input_first = flag("fan_in_fan_out");
    if (config.kind == AdapterKind::kLora) {
      config.rank = static_cast<int64_t>(number("r", 1));
      config.alpha = number("lora_alpha", 0);
      config.is_rank_stabilised = flag("use_rslora");
      patterns("rank_pattern", &config.rank_pattern);
      patterns("alpha_pattern", &config.alpha_pattern);
      check_initialisation();
      check_bias();
    } else if (config.is_input_first) {
      problem("\"fan_in_fan_out\" of (IA)^3 is not supported");
    }
    if (const auto base = take("base_model_name_or_path"); base && base->is_string()) {
      config.base = base->get<std::string>();
    }
    for (const auto& [name, value] : json_.items()) {
      if (!known_.contains(name) && !kWithoutEffect.contains(name) && !says_nothing(value)) {
        problem(fmt::format("\"{}\": {} is not supported", name, value.dump()));
      }
    }
    throw_if_any();
    return config;
  }

 private:
  Json parse() const {
    const std::string text = read_text_file(file_);
    if (const auto fault = find_json_fault(text, kMaxDepth)) {
      throw input_error(
          fmt::format("{}: not the configuration of an adapter: {}", file_.string(), *fault));
    }
    Json json = Json::parse(text);
    if (!json.is_object()) {
      throw input_error(fmt::format("{}: not the configuration of an adapter: expected an object",
                                    file_.string()));
    }
    return json;
  }

  void throw_if_any() const {
    if (problems_.empty()) return;
    throw input_error(fmt::format("{}: this adapter cannot be used:\n  {}", file_.string(),
                                  join(problems_, "\n  ")));
  }

  void problem(std::string text) { problems_.push_back(std::move(text)); }

  std::optional<Json> take(const std::string& name) {
    known_.insert(name);
    const auto found = json_.find(name);
    if (found == json_.end() || found->is_null()) return {};
    return *found;
  }

  AdapterKind kind() {
    const auto type = take("peft_type");
    if (type == "IA3") return AdapterKind::kIa3;
    if (type != "LORA") {
      problem(fmt::format("\"peft_type\": expected \"LORA\" or \"IA3\", got {}",
                          type ? type->dump() : "nothing"));
    }
    return AdapterKind::kLora;
  }

  bool flag(const std::string& name) {
    const auto value = take(name);
    if (value && !value->is_boolean()) {
      problem(fmt::format("\"{}\": expected true or false, got {}", name, value->dump()));
    }
    return value == true;
  }

  double number(const std::string& name, double above) {
    const auto value = take(name);
    if (value && value->is_number() && value->get<double>() >= above) return value->get<double>();
    problem(fmt::format("\"{}\": expected a number of at least {}, got {}", name, above,
                        value ? value->dump() : "nothing"));
    return 1.0;
  }

  void patterns(const std::string& name, Patterns* out) {
    const auto value = take(name);
    if (!value) return;
    if (!value->is_object()) {
      return problem(fmt::format("\"{}\": expected an object, got {}", name, value->dump()));
    }
    for (const auto& [pattern, number] : value->items()) {
      if (!number.is_number() || number.get<double>() <= 0) {
        problem(fmt::format("\"{}\": \"{}\": expected a number above 0, got {}", name, pattern,
                            number.dump()));
        continue;
      }
      try {
        const std::regex expression(pattern);
        out->emplace_back(pattern, number.get<double>());
      } catch (const std::regex_error&) {
        problem(fmt::format("\"{}\": \"{}\" is no regular expression", name, pattern));
      }
    }
  }

  void check_initialisation() {
    const auto value = take("init_lora_weights");
    if (!value || value->is_boolean()) return;
    if (value->is_string() && kInitialisations.contains(value->get<std::string>())) return;
    problem(
        fmt::format("\"init_lora_weights\": {} changes the base; save the adapter as an "
                    "ordinary one (PEFT's path_initial_model_for_weight_conversion)",
                    value->dump()));
  }

  // Biases that were trained are in the file under their own names, whatever this says.
  void check_bias() {
    const auto value = take("bias");
    if (!value || *value == "none" || *value == "all" || *value == "lora_only") return;
    problem(fmt::format("\"bias\": expected \"none\", \"all\" or \"lora_only\", got {}",
                        value->dump()));
  }

  const std::filesystem::path file_;
  const Json json_;
  std::set<std::string> known_;
  std::vector<std::string> problems_;
};

// PEFT's rule: a pattern fits a name as a whole, or its end after a dot.
bool fits(const std::string& pattern, const std::string& module) {
  return std::regex_match(module, std::regex("(?:.*\\.)?(?:" + pattern + ")"));
}

std::optional<double> find_pattern(const Patterns& patterns, const std::string& module) {
  for (const auto& [pattern, number] : patterns) {
    if (fits(pattern, module)) return number;
  }
  return {};
}

}  // namespace

int64_t AdapterConfig::rank_of(const std::string& module) const {
  const auto found = find_pattern(rank_pattern, module);
  return found ? static_cast<int64_t>(*found) : rank;
}

double AdapterConfig::alpha_of(const std::string& module) const {
  return find_pattern(alpha_pattern, module).value_or(alpha);
}

double AdapterConfig::scale_of(const std::string& module) const {
  const auto r = static_cast<double>(rank_of(module));
  return alpha_of(module) / (is_rank_stabilised ? std::sqrt(r) : r);
}

bool is_adapter(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path / kFile, ignored);
}

AdapterConfig read_adapter_config(const std::filesystem::path& folder) {
  return Reader(folder / kFile).read();
}

}  // namespace isomerge
