// merge/merge_files.h -- a recipe carried out: checkpoints in, one checkpoint out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include <c10/core/Device.h>

#include "config/recipe.h"
#include "merge/executor.h"
#include "merge/method.h"

namespace isomerge {

// fp32 or fp64.
at::ScalarType compute_dtype(Precision precision);

// The floating dtype asked for; nothing for kAsBase.
std::optional<at::ScalarType> chosen_dtype(OutputDtype dtype);

// alpha when a recipe gives none: the method's default.
double resolved_alpha(const Recipe& recipe);

// The recipe's options with defaults; without those that make masks, where it brings masks.
Options shown_options(const Recipe& recipe);

// The rules of the recipe's method. Throws Error(kInput) naming what does not fit if it brings
// masks (merge/tall_mask_file.h) or statistics (merge/statistics_set.h), whose experts' files are
// hashed.
Rules recipe_rules(const Recipe& recipe, const Updates& updates);

// What a merge may use of the machine.
struct MergeResources {
  int threads = 1;
  c10::Device device = c10::Device(c10::kCPU);
  uint64_t max_memory = 0;           // see MergeSettings
  std::filesystem::path cache = {};  // folder of the factor cache; empty: none
};

// Merges and writes recipe.out, which appears only when it is complete:
//   *.safetensors            streamed, piece by piece;
//   a folder (or "name/")    model.safetensors or shards of recipe.shard_bytes in it, the base's
//                            config.json and a model card;
//   *.pt, *.pth, *.ts        TorchScript: the base's program with the merged weights; the base must
//                            be a TorchScript archive, whose dtypes are kept.
// Recipe and hashes of base and experts go into the metadata. base + alpha * update is computed in
// the recipe's precision and stored in recipe.dtype; by default in the base's dtypes, for
// --update-only in the precision of the computation. An update-only file holds every floating
// tensor's merged update, before alpha. The recipe must be complete (require_complete). Throws
// Error, see merge_updates; kInput if the output would replace an input; kMachine if the disk is
// full or fails.
MergeSummary merge_files(const Recipe& recipe, const MergeResources& resources);

}  // namespace isomerge
