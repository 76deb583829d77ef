#include "checkpoint/adapter_changes.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/adapter_targets.h"

namespace isomerge {
namespace {

using Kind = AdapterChange::Kind;

// A tensor's name in the file, taken apart:
// "base_model.model.<module>.<part>[.<adapter>][.weight]".
struct StoredName {
  std::string module;
  std::string part;  // "lora_A", "lora_B", "lora_embedding_A", "ia3_l", ...; empty: a whole tensor
};

StoredName take_apart(std::string name) {
  constexpr std::string_view kPrefix = "base_model.model.";
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  // Where PEFT puts a module that it wraps, and one that was trained as a whole.
  for (const char* mark : {".modules_to_save.default.", ".modules_to_save.", ".base_layer."}) {
    const size_t at = name.find(mark);
    if (at != std::string::npos) name.erase(at, std::string_view(mark).size() - 1);
  }
  for (const char* mark : {".lora_", ".ia3_", ".vera_", ".hada_", ".lokr_", ".oft_"}) {
    const size_t at = name.find(mark);
    if (at == std::string::npos) continue;
    std::string part = name.substr(at + 1);
    const std::string ending = part.ends_with(".bias") ? ".bias" : "";
    part = part.substr(0, part.find('.')) + ending;
    return {name.substr(0, at), part};
  }
  return {name, ""};
}

std::vector<int64_t> transposed(std::vector<int64_t> shape, bool is_transposed) {
  if (is_transposed && shape.size() == 2) std::swap(shape[0], shape[1]);
  return shape;
}

class Finder {
 public:
  Finder(const Checkpoint& file, const AdapterConfig& config, const Checkpoint& base)
      : file_(file), config_(config), base_(base) {}

  AdapterChanges find() {
    std::map<std::string, Parts> modules;
    for (const TensorInfo& info : file_.tensors()) {
      const StoredName name = take_apart(info.name);
      if (!is_floating(info.dtype)) {
        problem(fmt::format("{}: expected a floating dtype, got {}", info.name,
                            dtype_text(info.dtype)));
      } else if (name.part.empty()) {
        add_whole(name.module, info.name);
      } else {
        modules[name.module][name.part] = info.name;
      }
    }
    for (const auto& [module, parts] : modules) add_module(module, parts);
    if (changes_.empty() && problems_.empty()) problem("it holds no factors");
    if (problems_.empty()) return std::move(changes_);
    constexpr size_t kShown = 20;
    std::string text =
        fmt::format("{}: this adapter does not fit {}:", file_.label(), base_.label());
    for (size_t i = 0; i < std::min(kShown, problems_.size()); ++i) text += "\n  " + problems_[i];
    if (problems_.size() > kShown) {
      text += fmt::format("\n  and {} more", problems_.size() - kShown);
    }
    throw input_error(text);
  }

 private:
  using Parts = std::map<std::string, std::string>;  // "lora_A", "lora_B", ... -> name in the file

  void problem(std::string text) { problems_.push_back(std::move(text)); }

  void add_module(const std::string& module, const Parts& parts) {
    const auto has = [&](const char* part) { return parts.contains(part); };
    const auto pair = [&](const char* a, const char* b) {
      for (const auto& [part, other] : {std::pair(a, b), {b, a}}) {
        if (has(part) && !has(other)) {
          problem(fmt::format("{}: {} {} without {}", module, part,
                              shape_text(file_.require_info(parts.at(part)).shape), other));
        }
      }
      return has(a) && has(b);
    };
    for (const auto& [part, stored] : parts) {
      const bool is_known = config_.kind == AdapterKind::kIa3
                                ? part == "ia3_l"
                                : part == "lora_A" || part == "lora_B" ||
                                      part == "lora_embedding_A" || part == "lora_embedding_B";
      if (!is_known) problem(fmt::format("{}: {} is not supported", module, part));
    }
    if (pair("lora_A", "lora_B")) {
      add_product(module, parts, "lora_A", "lora_B", config_.is_input_first);
    }
    if (pair("lora_embedding_A", "lora_embedding_B")) {
      add_product(module, parts, "lora_embedding_A", "lora_embedding_B", /*is_transposed=*/true);
    }
    if (config_.kind == AdapterKind::kIa3 && has("ia3_l")) add_ia3(module, parts.at("ia3_l"));
  }

  // Of a linear layer, or of an embedding, whose weight is [entries, width] with PEFT's A [R,
  // entries] and B [width, R].
  void add_product(const std::string& module, const Parts& parts, const char* a, const char* b,
                   bool is_transposed) {
    AdapterChange change;
    change.first_factor = parts.at(a);
    change.second_factor = parts.at(b);
    change.is_transposed = is_transposed;
    const std::vector<int64_t>& in = file_.require_info(change.first_factor).shape;
    const std::vector<int64_t>& out = file_.require_info(change.second_factor).shape;
    if (in.size() != 2 || out.size() != 2) {
      return problem(fmt::format("{}: expected factors of a matrix, got {} {}, {} {}", module, a,
                                 shape_text(in), b, shape_text(out)));
    }
    add_factors(module, change, {out[0], in[1]}, in[0], out[1]);
  }

  // shape: of the product.
  void add_factors(const std::string& module, AdapterChange change,
                   const std::vector<int64_t>& shape, int64_t rank_a, int64_t rank_b) {
    const int64_t rank = config_.rank_of(module);
    if (rank_a != rank || rank_b != rank) {
      return problem(fmt::format("{}: expected rank {}, got lora_A {} and lora_B {}", module, rank,
                                 shape_text(file_.require_info(change.first_factor).shape),
                                 shape_text(file_.require_info(change.second_factor).shape)));
    }
    change.scale = config_.scale_of(module);
    // An attention of torch.nn has its weight beside the module's own.
    const std::vector<int64_t> wanted = transposed(shape, change.is_transposed);
    const AdapterTarget packed = find_adapter_target(base_, module + ".in_proj_weight", wanted);
    add_change(module + (packed.name.empty() ? ".weight" : ".in_proj_weight"), wanted, change);
  }

  // A vector of [out, 1] scales the rows of the weight, and then the bias too; one of [1, in] its
  // columns.
  void add_ia3(const std::string& module, const std::string& vector) {
    const std::vector<int64_t>& shape = file_.require_info(vector).shape;
    const bool is_pair = shape.size() == 2 && (shape[0] == 1 || shape[1] == 1);
    const AdapterTarget target = find_adapter_target(base_, module + ".weight", {});
    const bool fits_target = is_pair && !target.name.empty() && !target.is_transposed &&
                             base_.require_info(target.name).shape.size() == 2;
    if (!fits_target) {
      return problem(
          fmt::format("{}: expected a vector of the rows [m, 1] or columns [1, n] of a matrix, got "
                      "ia3_l {} for {}",
                      module, shape_text(shape),
                      target.name.empty() ? "no tensor of the base"
                                          : shape_text(base_.require_info(target.name).shape)));
    }
    const int64_t m = target.rows, n = base_.require_info(target.name).shape[1];
    AdapterChange change;
    change.first_factor = vector;
    change.kind = shape[1] == 1 && shape[0] == m ? Kind::kRowScale : Kind::kColumnScale;
    const bool is_rows = change.kind == Kind::kRowScale;
    add_change(module + ".weight", is_rows ? std::vector{shape[0], n} : std::vector{m, shape[1]},
               change);
    if (is_rows && !find_adapter_target(base_, module + ".bias", {m}).name.empty()) {
      add_change(module + ".bias", {m}, change);
    }
  }

  void add_whole(const std::string& name, const std::string& stored) {
    AdapterChange change;
    change.kind = Kind::kWhole;
    change.first_factor = stored;
    add_change(name, file_.require_info(stored).shape, change);
  }

  // shape: that the tensor has where all its rows are meant.
  void add_change(const std::string& wanted, const std::vector<int64_t>& shape,
                  AdapterChange change) {
    AdapterTarget target;
    try {
      target = find_adapter_target(base_, wanted, shape);
    } catch (const Error& error) {
      return problem(error.what());
    }
    if (target.name.empty()) {
      std::vector<std::string> known;
      for (const TensorInfo& info : base_.tensors()) known.push_back(info.name);
      return problem(
          fmt::format("{}: the base has no such tensor{}", wanted, nearest_hint(wanted, known)));
    }
    std::vector<int64_t> expected = base_.require_info(target.name).shape;
    if (!expected.empty()) expected[0] = target.rows;
    change.first = target.first;
    change.rows = target.rows;
    if (target.is_transposed) {
      if (change.kind != Kind::kFactors) {
        return problem(fmt::format("{}: it is transposed in the base: {}", wanted, target.name));
      }
      change.is_transposed = !change.is_transposed;
    }
    if (transposed(shape, target.is_transposed) != expected) {
      return problem(fmt::format("{}: expected {} as {} of the base, got {}", wanted,
                                 shape_text(expected), target.name,
                                 shape_text(transposed(shape, target.is_transposed))));
    }
    changes_[target.name].push_back(std::move(change));
  }

  const Checkpoint& file_;
  const AdapterConfig& config_;
  const Checkpoint& base_;
  AdapterChanges changes_;
  std::vector<std::string> problems_;
};

}  // namespace

AdapterChanges find_adapter_changes(const Checkpoint& file, const AdapterConfig& config,
                                    const Checkpoint& base) {
  return Finder(file, config, base).find();
}

}  // namespace isomerge
