// checkpoint/clip_names.h -- what CLIP's tensors are called by OpenCLIP and by HuggingFace.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace isomerge {

enum class Naming { kOpenClip, kHuggingFace };

// "OpenCLIP", "HuggingFace".
std::string_view naming_text(Naming naming);

// "openclip" or "hf". Throws Error(kInput) on anything else.
Naming parse_naming(const std::string& text);

inline constexpr Naming other(Naming naming) {
  return naming == Naming::kOpenClip ? Naming::kHuggingFace : Naming::kOpenClip;
}

struct Counterpart {
  std::string name;
  bool is_transposed = false;  // [d, e] in one naming, [e, d] in the other
};

// What a tensor is called under `to` that has `name` under the other naming, without a prefix;
// nothing if there is no such tensor. q, k and v of an attention are one tensor kPacked in both
// namings here.
std::optional<Counterpart> counterpart(std::string_view name, Naming to);

// OpenCLIP packs q, k and v: `attn.in_proj_weight` [3d, d]; HuggingFace has one of kSplit each.
inline constexpr std::string_view kPacked = "attn.in_proj_";
inline constexpr std::array<std::string_view, 3> kSplit = {"self_attn.q_proj.", "self_attn.k_proj.",
                                                           "self_attn.v_proj."};

// The first tensor of an image tower, which every CLIP model has.
std::string_view anchor(Naming naming);

}  // namespace isomerge
