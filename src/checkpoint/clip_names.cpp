#include "checkpoint/clip_names.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {
namespace {

// A name, or with a dot at the end the start of one; `*` stands for the number of a block.
struct Pair {
  std::string_view openclip, hugging_face;
  bool is_transposed = false;

  std::string_view of(Naming naming) const {
    return naming == Naming::kOpenClip ? openclip : hugging_face;
  }
};

constexpr Pair kModel[] = {
    {"visual.class_embedding", "vision_model.embeddings.class_embedding"},
    {"visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"},
    {"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
    {"visual.ln_pre.", "vision_model.pre_layrnorm."},  // HuggingFace's spelling
    {"visual.ln_post.", "vision_model.post_layernorm."},
    {"visual.proj", "visual_projection.weight", true},
    {"visual.transformer.resblocks.*.", "vision_model.encoder.layers.*."},
    {"token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
    {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
    {"ln_final.", "text_model.final_layer_norm."},
    {"text_projection", "text_projection.weight", true},
    {"transformer.resblocks.*.", "text_model.encoder.layers.*."},
    {"logit_scale", "logit_scale"},
};

constexpr Pair kBlock[] = {
    {"ln_1.", "layer_norm1."},
    {"ln_2.", "layer_norm2."},
    {"mlp.c_fc.", "mlp.fc1."},
    {"mlp.c_proj.", "mlp.fc2."},
    {"attn.in_proj_", "attn.in_proj_"},  // q, k and v apart: the caller's
    {"attn.out_proj.", "self_attn.out_proj."},
};

struct Match {
  std::string number;     // what `*` stood for
  std::string_view rest;  // what follows a pattern with a dot at its end
};

std::optional<Match> match(std::string_view name, std::string_view pattern) {
  Match found;
  const size_t star = pattern.find('*');
  if (star != std::string_view::npos) {
    if (!name.starts_with(pattern.substr(0, star))) return {};
    name.remove_prefix(star);
    const size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
    found.number = name.substr(0, digits);
    name.remove_prefix(digits);
    pattern.remove_prefix(star + 1);
    if (digits == 0) return {};
  }
  const bool is_start = pattern.ends_with('.') || pattern.ends_with('_');
  if (is_start ? !name.starts_with(pattern) : name != pattern) return {};
  found.rest = name.substr(pattern.size());
  return found;
}

bool is_weight_or_bias(std::string_view rest) { return rest == "weight" || rest == "bias"; }

std::optional<std::string> block_counterpart(std::string_view name, Naming to) {
  for (const Pair& pair : kBlock) {
    const auto found = match(name, pair.of(other(to)));
    if (found && is_weight_or_bias(found->rest))
      return fmt::format("{}{}", pair.of(to), found->rest);
  }
  return {};
}

}  // namespace

std::string_view naming_text(Naming naming) {
  return naming == Naming::kOpenClip ? "OpenCLIP" : "HuggingFace";
}

Naming parse_naming(const std::string& text) {
  if (text == "openclip") return Naming::kOpenClip;
  if (text == "hf") return Naming::kHuggingFace;
  throw input_error(fmt::format("--names: expected openclip or hf, got \"{}\"", text));
}

std::string_view anchor(Naming naming) {
  return naming == Naming::kOpenClip ? "visual.conv1.weight"
                                     : "vision_model.embeddings.patch_embedding.weight";
}

std::optional<Counterpart> counterpart(std::string_view name, Naming to) {
  for (const Pair& pair : kModel) {
    const auto found = match(name, pair.of(other(to)));
    if (!found) continue;
    std::string out(pair.of(to));
    if (const size_t star = out.find('*'); star != std::string::npos) {
      const auto inner = block_counterpart(found->rest, to);
      if (!inner) return {};
      return Counterpart{out.replace(star, 1, found->number) + *inner, false};
    }
    if (!out.ends_with('.')) return Counterpart{out, pair.is_transposed};
    if (is_weight_or_bias(found->rest)) return Counterpart{out.append(found->rest), false};
  }
  return {};
}

}  // namespace isomerge
