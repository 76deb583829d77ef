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

// The merges of a recipe file, if one is named, with the flags laid over it.
std::vector<Recipe> recipes_of(const Arguments& arguments) {
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
  if (const auto rank = arguments.find_whole("adapter-rank")) recipe.adapter_rank = *rank;
  for (const std::string& text : arguments.all("grid")) recipe.grid.push_back(parse_axis(text));
  std::vector<Recipe> recipes = expand_grid(recipe);
  for (const Recipe& one : recipes) require_complete(one);
  return recipes;
}

MergeResources resources_of(const Arguments& arguments) {
  MergeResources resources{
      arguments.threads(), arguments.device(), arguments.find_bytes("max-memory").value_or(0), {}};
  if (const auto folder = arguments.find("cache")) resources.cache = *folder;
  resources.cache_size = cache_size_of(arguments);
  return resources;
}

std::string rank_text(const RankRange& rank) {
  if (rank.most == 0) return "-";
  if (rank.least == rank.most) return std::to_string(rank.most);
  return fmt::format("{}-{}", rank.least, rank.most);
}

std::string recipe_text(const Recipe& recipe) {
  return configuration_text({recipe.method, shown_options(recipe), resolved_alpha(recipe)}) +
         (recipe.masks.empty() ? "" : ", masks of " + recipe.masks.string());
}

void print_plan(const std::vector<Recipe>& recipes, const MergePlan& plan,
                const MergeResources& resources) {
  for (const Recipe& recipe : recipes) fmt::print("{}\n", recipe_text(recipe));
  size_t width = 6;
  for (const PlannedTensor& tensor : plan.tensors) width = std::max(width, tensor.info.name.size());
  fmt::print("{:<9} {:<{}} {:<16} {:>9} {:>7} {:>10} {:>10} {:>8}  {}\n", "role", "tensor", width,
             "shape", "k", "s", "read", "memory", "time", "why");
  for (const PlannedTensor& tensor : plan.tensors) {
    fmt::print("{:<9} {:<{}} {:<16} {:>9} {:>7} {:>10} {:>10} {:>8}  {}\n", tensor.role,
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
  if (!plan.tensors.empty()) {
    const PlannedTensor& largest = plan.tensors[plan.largest];
    fmt::print("most memory for one tensor: {} for {} {}\n", human_bytes(largest.memory),
               largest.info.name, shape_text(largest.info.shape));
  }
  if (!plan.is_compared) {
    fmt::print("planned from headers alone: matrices that no expert changed count as changed\n");
  }
  if (!plan.files_without_data.empty()) {
    fmt::print(
        "data missing in {} files, which end before their tensors do, {} among them; a "
        "merge needs them whole\n",
        plan.files_without_data.size(), plan.files_without_data.front().string());
  }
}

void print_plan_json(const std::vector<Recipe>& recipes, const MergePlan& plan,
                     const MergeResources& resources) {
  nlohmann::ordered_json merges = nlohmann::ordered_json::array(), tensors = merges, bare = merges;
  for (const Recipe& recipe : recipes) merges.push_back(recipe_text(recipe));
  for (const PlannedTensor& tensor : plan.tensors) {
    tensors.push_back({{"name", tensor.info.name},
                       {"role", tensor.role},
                       {"why", tensor.reason},
                       {"shape", tensor.info.shape},
                       {"unchanged", tensor.is_unchanged},
                       {"bytes", tensor.bytes},
                       {"memory", tensor.memory},
                       {"seconds", tensor.seconds}});
  }
  for (const auto& file : plan.files_without_data) bare.push_back(file.string());
  nlohmann::ordered_json out = {{"merges", std::move(merges)},  {"tensors", std::move(tensors)},
                                {"bytes", plan.bytes},          {"passes", plan.passes},
                                {"threads", resources.threads}, {"seconds", plan.seconds},
                                {"memory", plan.memory}};
  if (!plan.tensors.empty()) out["largest"] = plan.tensors[plan.largest].info.name;
  out["compared"] = plan.is_compared;
  out["files_without_data"] = std::move(bare);
  fmt::print("{}\n", out.dump(2));
}

// What was found in all matrices of one merge.
struct Totals {
  int64_t cut = 0, matrices_cut = 0, repeats = 0, fallbacks = 0, tied = 0;
};

Totals totals_of(const MergeSummary& summary) {
  Totals totals;
  for (const auto& [name, found] : summary.findings) {
    totals.cut += found.cut;
    totals.matrices_cut += found.cut > 0 ? 1 : 0;
    totals.repeats += found.repeats;
    totals.fallbacks += found.fallbacks;
    totals.tied += found.tied;
  }
  return totals;
}

nlohmann::ordered_json summary_json(const Recipe& recipe, const MergeSummary& summary) {
  const Totals totals = totals_of(summary);
  return {{"out", recipe.out.string()},
          {"merge", recipe_text(recipe)},
          {"matrices", summary.matrices},
          {"others", summary.others},
          {"excluded", summary.excluded},
          {"copied", summary.copied},
          {"zero_updates", summary.zero_updates},
          {"null_directions", totals.cut},
          {"tied_cuts", totals.tied},
          {"repeats", totals.repeats},
          {"fallbacks", totals.fallbacks},
          {"factors_shared", summary.shared_factors}};
}

std::string summary_text(const Recipe& recipe, const MergeSummary& summary) {
  const Totals totals = totals_of(summary);
  std::string text = fmt::format("{}: {} matrices by {}, {} other tensors", recipe.out.string(),
                                 summary.matrices, recipe.method, summary.others);
  const auto add = [&](int64_t count, const char* what) {
    if (count > 0) text += fmt::format(", {} {}", count, what);
  };
  add(summary.excluded, "excluded");
  add(summary.copied, "copied");
  add(summary.zero_updates, "without any update");
  if (totals.cut > 0) {
    text += fmt::format(", {} directions in {} matrices count as zero", totals.cut,
                        totals.matrices_cut);
  }
  add(totals.repeats, "factorisations repeated by LAPACK");
  add(totals.fallbacks, "factorisations by LAPACK");
  add(summary.shared_factors, "factors shared");
  return text;
}

// How well an adapter holds its merge.
struct AdapterFit {
  int64_t least = 0, most = 0;  // ranks
  double error = 0.0;
};

AdapterFit fit_of(const ExtractionSummary& adapter) {
  AdapterFit fit{adapter.matrices.front().rank, 0, adapter.total_error()};
  for (const ExtractedMatrix& matrix : adapter.matrices) {
    fit.least = std::min(fit.least, matrix.rank);
    fit.most = std::max(fit.most, matrix.rank);
  }
  return fit;
}

std::string adapter_text(const ExtractionSummary& adapter) {
  const AdapterFit fit = fit_of(adapter);
  return fmt::format(", an adapter of rank {} with a relative error of {:.2g}",
                     rank_text({fit.least, fit.most}), fit.error);
}

void print_summary(const std::vector<Recipe>& recipes, const MergedFiles& merged, double seconds,
                   bool as_json) {
  const FactorCache::Counts& cache = merged.cache;
  if (as_json) {
    nlohmann::ordered_json merges = nlohmann::ordered_json::array();
    for (size_t i = 0; i < recipes.size(); ++i) {
      merges.push_back(summary_json(recipes[i], merged.summaries[i]));
      if (merged.adapters.empty()) continue;
      const AdapterFit fit = fit_of(merged.adapters[i]);
      merges.back()["adapter"] = {
          {"least_rank", fit.least}, {"most_rank", fit.most}, {"relative_error", fit.error}};
    }
    const nlohmann::ordered_json out = {{"merges", std::move(merges)},
                                        {"factors_reused", cache.reused},
                                        {"factors_computed", cache.computed},
                                        {"peak_memory", peak_resident_memory()},
                                        {"seconds", seconds}};
    fmt::print("{}\n", out.dump(2));
    return;
  }
  for (size_t i = 0; i < recipes.size(); ++i) {
    fmt::print("{}{}{}", summary_text(recipes[i], merged.summaries[i]),
               merged.adapters.empty() ? "" : adapter_text(merged.adapters[i]),
               i + 1 < recipes.size() ? "\n" : "");
  }
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
       {"grid", "NAME=VALUES",
        "a merge for each value: 0.5:0.9:0.1 or 1,2,4; --out has {NAME} in it", true},
       {"base", "FILE", "the pretrained checkpoint"},
       {"expert", "TASK=FILE", "a checkpoint fine-tuned from it, or a PEFT adapter's folder", true},
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
       {"adapter-rank", "K",
        "write a PEFT adapter of at most this rank, alpha included, into a folder"},
       {"shard-size", "SIZE", "of tensors per file of an output folder: 5GiB (default: one file)"},
       {"max-memory", "SIZE", "resident memory that the program may take: 2GiB"},
       {"statistics", "DIR", "of the experts, for fisher, regmean and mats: `isomerge statistics`"},
       {"cache", "DIR", "keep factorisations there, and reuse those of earlier merges"},
       {"cache-size", "SIZE", "that the cache may take: 20GiB (default: no bound)"},
       {"set", "NAME=VALUE", "a ${NAME} of the recipe file", true},
       {"dry-run", "", "print what would happen to every tensor"},
       {"json", "", "print the summary, or the plan, as JSON"}},
      0,
      1};
  return info;
}

int run_merge(const Arguments& arguments) {
  const std::vector<Recipe> recipes = recipes_of(arguments);
  const MergeResources resources = resources_of(arguments);
  if (arguments.has("dry-run")) {
    const MergePlan plan = plan_merge(recipes, resources);
    const auto& print = arguments.has("json") ? print_plan_json : print_plan;
    print(recipes, plan, resources);
    return 0;
  }
  const auto start = std::chrono::steady_clock::now();
  const MergedFiles merged = merge_files(recipes, resources);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  print_summary(recipes, merged, elapsed.count(), arguments.has("json"));
  return 0;
}

}  // namespace isomerge
