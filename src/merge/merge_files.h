// merge/merge_files.h -- recipes carried out: checkpoints in, one checkpoint out for each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include <c10/core/Device.h>

#include "config/recipe.h"
#include "factor/extracted_adapter.h"
#include "factor/factor_cache.h"
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

// The distinct merges of recipes that differ in options, alpha and output alone: those with the
// same options and different alphas are one. Throws as recipe_rules() does.
struct RecipePoints {
  std::vector<MergePoint> points;
  std::vector<size_t> of_recipe;  // the point behind each recipe
};
RecipePoints recipe_points(const std::vector<Recipe>& recipes, const Updates& updates);

// What a merge may use of the machine.
struct MergeResources {
  int threads = 1;
  c10::Device device = c10::Device(c10::kCPU);
  uint64_t max_memory = 0;           // see MergeSettings
  std::filesystem::path cache = {};  // folder of the factor cache; empty: none
  uint64_t cache_size = 0;           // bytes that it may hold; 0: no bound
};

struct MergedFiles {
  std::vector<MergeSummary> summaries;  // by recipe
  // What adapters hold of the merges, by recipe; empty where none is written.
  std::vector<ExtractionSummary> adapters;
  FactorCache::Counts cache;  // what the factor cache served
};

// Carries out recipes that differ in options, alpha and output alone, as expand_grid() makes them,
// in one pass over the files, and writes each one's out, which appear only when all are complete:
//   *.safetensors            streamed, piece by piece;
//   a folder (or "name/")    model.safetensors or shards of recipe.shard_bytes in it, the base's
//                            config.json and a model card;
//   a folder, with recipe.adapter_rank   a PEFT adapter (merge/merged_adapter.h);
//   *.pt, *.pth, *.ts        TorchScript: the base's program with the merged weights; the base must
//                            be a TorchScript archive, whose dtypes are kept. One after the other.
// Recipe and hashes of base and experts go into the metadata. base + alpha * update is computed in
// the recipe's precision and stored in recipe.dtype; by default in the base's dtypes, for
// --update-only in the precision of the computation. An update-only file holds every floating
// tensor's merged update, before alpha. The recipes must be complete (require_complete). Throws
// Error, see merge_points(); kInput if an output would replace an input or another output; kMachine
// if the disk is full or fails.
MergedFiles merge_files(const std::vector<Recipe>& recipes, const MergeResources& resources);

}  // namespace isomerge
