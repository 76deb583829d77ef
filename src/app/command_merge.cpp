#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "config/configuration.h"
#include "config/method_info.h"
#include "config/recipe.h"
#include "merge/merge_files.h"
#include "merge/merge_plan.h"

namespace isomerge {
namespace {

// A recipe file, if one is named, with the flags laid over it.
Recipe recipe_of(const Arguments& arguments) {
  Recipe recipe;
  if (!arguments.operands().empty()) {
    recipe = read_recipe(arguments.operands()[0], arguments.settings("set"));
  }
  if (const auto method = arguments.find("method")) recipe.method = *method;
  for (const std::string& text : arguments.all("option")) {
    const auto [name, value] = parse_option(text);
    recipe.options[name] = value;
  }
  if (const auto base = arguments.find("base")) recipe.base = *base;
  for (const std::string& text : arguments.all("expert")) {
    recipe.experts.push_back(parse_expert(text));
  }
  if (const auto out = arguments.find("out")) recipe.out = *out;
  if (const auto folder = arguments.find("statistics")) recipe.statistics = *folder;
  if (const auto masks = arguments.find("masks")) recipe.masks = *masks;
  if (const auto alpha = arguments.find_number("alpha")) recipe.alpha = alpha;
  if (const auto text = arguments.find("precision")) recipe.precision = parse_precision(*text);
  if (const auto text = arguments.find("dtype")) recipe.dtype = parse_output_dtype(*text);
  for (const std::string& glob : arguments.all("exclude")) recipe.exclude.push_back(glob);
  for (const std::string& glob : arguments.all("average")) recipe.average.push_back(glob);
  if (const auto text = arguments.find("attention")) {
    recipe.split_attention = parse_attention(*text);
  }
  recipe.update_only = recipe.update_only || arguments.has("update-only");
  if (const auto size = arguments.find_bytes("shard-size")) recipe.shard_bytes = *size;
  require_complete(recipe);
  return recipe;
}

MergeResources resources_of(const Arguments& arguments) {
  MergeResources resources{
      arguments.threads(), arguments.device(), arguments.find_bytes("max-memory").value_or(0), {}};
  if (const auto folder = arguments.find("cache")) resources.cache = *folder;
  return resources;
}

std::string rank_text(int64_t rank) { return rank == 0 ? "-" : std::to_string(rank); }

void print_plan(const Recipe& recipe, const MergePlan& plan, const MergeResources& resources) {
  fmt::print("{}{}\n",
             configuration_text({recipe.method, shown_options(recipe), resolved_alpha(recipe)}),
             recipe.masks.empty() ? "" : ", masks of " + recipe.masks.string());
  size_t width = 6;
  for (const PlannedTensor& tensor : plan.tensors) width = std::max(width, tensor.info.name.size());
  fmt::print("{:<9} {:<{}} {:<16} {:>5} {:>5} {:>10} {:>10} {:>8}  {}\n", "role", "tensor", width,
             "shape", "k", "s", "read", "memory", "time", "why");
  for (const PlannedTensor& tensor : plan.tensors) {
    fmt::print("{:<9} {:<{}} {:<16} {:>5} {:>5} {:>10} {:>10} {:>8}  {}\n", tensor.role,
               tensor.info.name, width, shape_text(tensor.info.shape), rank_text(tensor.common),
               rank_text(tensor.per_task), human_bytes(tensor.bytes), human_bytes(tensor.memory),
               human_seconds(tensor.seconds),
               tensor.reason + (tensor.is_unchanged ? ", no expert changed it" : ""));
  }
  fmt::print("{} tensors, {} to read{}; about {} and {} of memory on {} thread{}\n",
             plan.tensors.size(), human_bytes(plan.bytes),
             plan.passes > 1 ? fmt::format(" {} times", plan.passes) : "",
             human_seconds(plan.seconds), human_bytes(plan.memory), resources.threads,
             resources.threads == 1 ? "" : "s");
}

void print_summary(const Recipe& recipe, const MergeSummary& summary, double seconds, bool json) {
  int64_t cut = 0;
  int64_t repeats = 0, fallbacks = 0, tied = 0, matrices_cut = 0;
  for (const auto& [name, found] : summary.findings) {
    cut += found.cut;
    matrices_cut += found.cut > 0 ? 1 : 0;
    repeats += found.repeats;
    fallbacks += found.fallbacks;
    tied += found.tied;
  }
  if (json) {
    nlohmann::ordered_json out = {{"out", recipe.out.string()},
                                  {"method", recipe.method},
                                  {"matrices", summary.matrices},
                                  {"others", summary.others},
                                  {"excluded", summary.excluded},
                                  {"copied", summary.copied},
                                  {"zero_updates", summary.zero_updates},
                                  {"null_directions", cut},
                                  {"tied_cuts", tied},
                                  {"repeats", repeats},
                                  {"fallbacks", fallbacks},
                                  {"factors_reused", summary.cache.reused},
                                  {"factors_computed", summary.cache.computed},
                                  {"peak_memory", peak_resident_memory()},
                                  {"seconds", seconds}};
    fmt::print("{}\n", out.dump(2));
    return;
  }
  fmt::print("{}: {} matrices by {}, {} other tensors", recipe.out.string(), summary.matrices,
             recipe.method, summary.others);
  if (summary.excluded > 0) fmt::print(", {} excluded", summary.excluded);
  if (summary.copied > 0) fmt::print(", {} copied", summary.copied);
  if (summary.zero_updates > 0) fmt::print(", {} without any update", summary.zero_updates);
  if (cut > 0) {
    fmt::print(", {} directions in {} matrices count as zero", cut, matrices_cut);
  }
  if (repeats > 0) fmt::print(", {} factorisations repeated by LAPACK", repeats);
  if (fallbacks > 0) fmt::print(", {} factorisations by LAPACK", fallbacks);
  const FactorCache::Counts& cache = summary.cache;
  if (cache.reused + cache.computed > 0) {
    fmt::print(", {} factors reused ({}), {} computed ({} stored)", cache.reused,
               human_bytes(cache.bytes_read), cache.computed, human_bytes(cache.bytes_written));
  }
  fmt::print("; {}, {} of memory\n", human_seconds(seconds), human_bytes(peak_resident_memory()));
}

}  // namespace

const CommandInfo& merge_info() {
  static const CommandInfo info{
      "merge",
      "[RECIPE.json] --method NAME --base BASE --expert TASK=PATH ... --out FILE|DIR/ [options]",
      "merge experts of one base into one checkpoint",
      "  isomerge merge --method iso_cts --option common_fraction=0.8 --base base.safetensors \\\n"
      "    --expert cars=cars.safetensors --expert dtd=dtd.safetensors --out merged.safetensors",
      {{"method", "NAME", "merge method; isomerge methods lists them"},
       {"option", "NAME=VALUE", "an option of the method", true},
       {"base", "FILE", "the pretrained checkpoint"},
       {"expert", "TASK=FILE", "a checkpoint fine-tuned from it", true},
       {"out", "FILE", "*.safetensors, *.pt (TorchScript base) or a folder with / at its end"},
       {"alpha", "X", "scaling of the merged update (default: the method's)"},
       {"update-only", "", "write the merged update itself, before alpha"},
       {"precision", "fp32|fp64", "of the computation (default: fp32)"},
       {"exclude", "GLOB", "leave these tensors as in the base", true},
       {"average", "GLOB", "average these matrices like vectors", true},
       {"attention", "packed|split",
        "q, k, v in one tensor: one matrix or three (default: packed)"},
       {"masks", "FILE", "consensus_ta: published TALL masks, as models/unpickle.py writes them"},
       {"dtype", "fp32|fp16|bf16", "of the output (default: the base's)"},
       {"shard-size", "SIZE", "of tensors per file of an output folder: 5GiB (default: one file)"},
       {"max-memory", "SIZE", "resident memory that the program may take: 2GiB"},
       {"statistics", "DIR", "of the experts, for fisher, regmean and mats: `isomerge statistics`"},
       {"cache", "DIR", "keep factorisations there, and reuse those of earlier merges"},
       {"set", "NAME=VALUE", "a ${NAME} of the recipe file", true},
       {"dry-run", "", "print what would happen to every tensor"},
       {"json", "", "print the summary as JSON"}},
      0,
      1};
  return info;
}

int run_merge(const Arguments& arguments) {
  const Recipe recipe = recipe_of(arguments);
  const MergeResources resources = resources_of(arguments);
  if (arguments.has("dry-run")) {
    print_plan(recipe, plan_merge(recipe, resources), resources);
    return 0;
  }
  const auto start = std::chrono::steady_clock::now();
  const MergeSummary summary = merge_files(recipe, resources);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  print_summary(recipe, summary, elapsed.count(), arguments.has("json"));
  return 0;
}

}  // namespace isomerge
