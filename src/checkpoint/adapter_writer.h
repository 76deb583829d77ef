// checkpoint/adapter_writer.h -- writes a LoRA adapter: a folder that the PEFT library loads.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include "checkpoint/tensor_info.h"

namespace isomerge {

// The update of one tensor of the base as a product: update = b a.
struct LowRankWeight {
  std::string name;  // of the base's tensor
  at::Tensor b, a;   // [m, R] and [R, n], floating, of one dtype, on the CPU; R >= 0
};

struct AdapterOptions {
  std::string base;                             // "base_model_name_or_path"
  std::vector<TensorInfo> tensors;              // of the base
  std::map<std::string, std::string> metadata;  // of adapter_model.safetensors
  std::string card;                             // README.md, unless the folder has one; may be ""
  at::ScalarType dtype = at::kFloat;            // of the factors as written
};

// Writes adapter_model.safetensors and adapter_config.json into `folder`, which is made if it is
// missing. alpha is the rank of each weight, so that every update has scale 1; the most frequent
// rank is "r", the others are in "rank_pattern" and "alpha_pattern" by whole module paths.
//
//   "<module>.weight"          lora_A = a, lora_B = b of the linear layer <module>; of an embedding
//                              (known by its name: *embedding, *embeddings, embed_tokens, shared,
//                              wte, wpe, relative_attention_bias) lora_embedding_A = b^T and
//                              lora_embedding_B = a^T
//   "<module>.in_proj_weight"  of a torch.nn.MultiheadAttention, which PEFT adapts together with
//                              its out_proj at one rank: the smaller rank of the two is filled up
//                              with zeros, and so is in_proj_weight where the base has it and the
//                              adapter changes out_proj alone
//
// throws  Error(kInput) naming all tensors that are neither, of which PEFT has no module; a factor
//         with NaN or Inf, or one that `dtype` cannot hold; all ranks 0 (weights of rank 0 are left
//         out). The folder is as it was then. Error(kMachine): it may have lost an older
//         adapter_config.json, so that nobody reads its numbers for the new factors.
void write_adapter(const std::filesystem::path& folder, const std::vector<LowRankWeight>& weights,
                   const AdapterOptions& options);

// Whether PEFT takes the tensor of this name for the weight of an embedding.
bool is_embedding_weight(const std::string& name);

// Whether PEFT has a place for the update of a tensor of this name.
bool is_adapter_weight(const std::string& name);

// The last part of a file's or folder's path, what an adapter calls its base: "a/b/" -> "b".
std::string last_part(const std::filesystem::path& path);

// Throws Error(kInput) if write_adapter() would replace one of these files.
void require_replaces_none(const std::filesystem::path& folder,
                           const std::vector<std::filesystem::path>& inputs);

}  // namespace isomerge
