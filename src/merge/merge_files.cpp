#include "merge/merge_files.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "checkpoint/archive.h"
#include "checkpoint/output.h"
#include "checkpoint/tensor_hash.h"
#include "config/configuration.h"
#include "config/method_info.h"
#include "merge/merged_adapter.h"
#include "merge/merged_file.h"
#include "merge/method.h"
#include "merge/tall_mask_file.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

void require_fitting_output(const Recipe& recipe, OutputKind kind, const Checkpoint& base) {
  if (kind != OutputKind::kTorchScript) return;
  if (base.format() != Format::kTorchScript) {
    throw input_error(
        fmt::format("{}: a TorchScript output takes its program from the base, but {} "
                    "is a {} file; write *.safetensors",
                    recipe.out.string(), base.label(), format_text(base.format())));
  }
  if (recipe.update_only || recipe.dtype != OutputDtype::kAsBase) {
    throw input_error(fmt::format("{}: --update-only and --dtype need a *.safetensors output",
                                  recipe.out.string()));
  }
}

std::unique_ptr<MergedOutput> open_output(const Recipe& recipe, const Updates& updates) {
  if (recipe.adapter_rank > 0) return std::make_unique<MergedAdapter>(recipe, updates);
  return std::make_unique<MergedFile>(recipe, updates);
}

MergedFiles write_streamed(const std::vector<Recipe>& recipes, const Updates& updates,
                           const MergeSettings& settings) {
  const RecipePoints merges = recipe_points(recipes, updates);
  std::vector<std::unique_ptr<MergedOutput>> outputs;
  for (const Recipe& recipe : recipes) outputs.push_back(open_output(recipe, updates));
  const auto summaries =
      merge_points(updates, merges.points, settings, [&](size_t point, const MergedPiece& part) {
        for (size_t i = 0; i < outputs.size(); ++i) {
          if (merges.of_recipe[i] == point) outputs[i]->write(part);
        }
      });
  MergedFiles out;
  for (size_t i = 0; i < outputs.size(); ++i) {
    out.summaries.push_back(summaries[merges.of_recipe[i]]);
    outputs[i]->set_hashes(updates.tasks(), out.summaries.back());
  }
  for (const auto& output : outputs) {
    output->commit();
    const auto* adapter = dynamic_cast<const MergedAdapter*>(output.get());
    if (adapter != nullptr) out.adapters.push_back(adapter->summary());
  }
  return out;
}

MergedFiles write_torchscript(const std::vector<Recipe>& recipes, const Updates& updates,
                              const MergeSettings& settings) {
  MergedFiles out;
  for (const Recipe& recipe : recipes) {
    const double alpha = resolved_alpha(recipe);
    Weights weights;
    out.summaries.push_back(merge_tensors(
        updates, recipe_rules(recipe, updates), settings, [&](const MergedTensor& tensor) {
          weights[tensor.info.name] =
              output_value(recipe, alpha, tensor.role, tensor).to(tensor.info.dtype);
        }));
    write_archive(recipe.out, updates.base(),
                  [&](const std::string& name) { return weights.at(name); });
  }
  return out;
}

// That every output can be written, and is nobody else's file.
void require_fitting_outputs(const std::vector<Recipe>& recipes, const Updates& updates) {
  std::set<fs::path> seen;
  for (const Recipe& recipe : recipes) {
    const OutputKind kind = output_kind(recipe.out);
    require_fitting_output(recipe, kind, updates.base());
    require_not_an_input(recipe.out, kind, updates.files());
    if (recipe.adapter_rank > 0) require_replaces_none(recipe.out, updates.files());
    if (!recipe.masks.empty()) {
      require_not_an_input(recipe.out, kind, TallMaskFile(recipe.masks).files());
    }
    if (!seen.insert(fs::weakly_canonical(recipe.out)).second) {
      throw input_error(recipe.out.string() + ": several merges would be written to it");
    }
  }
}

void report_oddities(const MergeSummary& summary) {
  for (const auto& [a, b] : summary.equal_experts) {
    log_warning(fmt::format("the experts of \"{}\" and \"{}\" hold the same values", a, b));
  }
  for (const auto& [name, found] : summary.findings) {
    if (found.solver.was_used) {
      log_info(fmt::format("{}: {} after {} steps, residual {} -> {}", name,
                           found.solver.converged ? "solved" : "not solved",
                           found.solver.iterations, number_text(found.solver.first_residual),
                           number_text(found.solver.last_residual)));
    }
    if (found.cut > 0) log_info(fmt::format("{}: {} directions count as zero", name, found.cut));
    if (found.tied > 0) {
      log_warning(
          fmt::format("{}: {} cuts between equal singular values: which directions are kept "
                      "there is arbitrary",
                      name, found.tied));
    }
    if (found.fallbacks > 0) {
      log_info(fmt::format("{}: {} factorisations failed their check and were done by LAPACK", name,
                           found.fallbacks));
    }
    if (found.repeats > 0) {
      log_info(fmt::format("{}: rank in doubt, {} factorisations repeated by LAPACK", name,
                           found.repeats));
    }
  }
}

// The statistics that the recipe's method reads, each of them checked to be of its expert's bytes.
MethodInputs method_inputs(const Recipe& recipe, const Options& options) {
  const auto kinds = statistics_of(recipe.method, options);
  if (kinds.empty()) return {};
  std::vector<std::string> tasks;
  std::map<std::string, ExpectedOrigin> expected;
  for (const auto& [task, path] : recipe.experts) {
    expected[task].expert = files_hash(expert_files(path));
    tasks.push_back(task);
  }
  return {std::make_shared<StatisticsSet>(recipe.statistics, tasks, kinds, expected)};
}

}  // namespace

at::ScalarType compute_dtype(Precision precision) {
  return precision == Precision::kFp64 ? at::kDouble : at::kFloat;
}

std::optional<at::ScalarType> chosen_dtype(OutputDtype dtype) {
  switch (dtype) {
    case OutputDtype::kFp32:
      return at::kFloat;
    case OutputDtype::kFp16:
      return at::kHalf;
    case OutputDtype::kBf16:
      return at::kBFloat16;
    case OutputDtype::kAsBase:
      break;
  }
  return {};
}

double resolved_alpha(const Recipe& recipe) {
  return recipe.alpha ? *recipe.alpha : require_method_info(recipe.method).default_alpha.value();
}

Options shown_options(const Recipe& recipe) {
  Options options = resolve_options(require_method_info(recipe.method), recipe.options);
  if (recipe.masks.empty()) return options;
  options.erase("lambda");
  options.erase("lambdas");
  return options;
}

Rules recipe_rules(const Recipe& recipe, const Updates& updates) {
  const Options options = resolve_options(require_method_info(recipe.method), recipe.options);
  Rules rules = require_method(recipe.method).rules(options, method_inputs(recipe, options));
  if (recipe.masks.empty()) return rules;
  auto masks = std::make_shared<TallMaskFile>(recipe.masks);
  masks->require_fit(updates.tasks(), updates.tensors(),
                     {recipe.exclude, recipe.average, recipe.split_attention});
  rules.other = consensus_rule(std::move(masks), std::get<int64_t>(options.at("min_tasks")));
  return rules;
}

MergeSettings merge_settings(const Recipe& recipe, const MergeResources& resources,
                             FactorCache* cache) {
  MergeSettings settings;
  settings.roles = {recipe.exclude, recipe.average, recipe.split_attention};
  settings.dtype = compute_dtype(recipe.precision);
  settings.threads = resources.threads;
  settings.device = resources.device;
  settings.max_memory = resources.max_memory;
  settings.cache = cache;
  return settings;
}

RecipePoints recipe_points(const std::vector<Recipe>& recipes, const Updates& updates) {
  RecipePoints out;
  std::map<std::string, size_t> known;  // by the options' text
  for (const Recipe& recipe : recipes) {
    const auto [found, is_new] = known.try_emplace(
        configuration_text({recipe.method, shown_options(recipe), {}}), out.points.size());
    if (is_new) out.points.push_back(point_of_all(recipe_rules(recipe, updates), updates));
    out.of_recipe.push_back(found->second);
  }
  return out;
}

MergedFiles merge_files(const std::vector<Recipe>& recipes, const MergeResources& resources) {
  const Recipe& first = recipes.front();
  std::vector<Expert> experts;
  for (const auto& [task, path] : first.experts) experts.push_back({task, path});
  try {
    const Updates updates(first.base, experts);
    require_fitting_outputs(recipes, updates);
    std::optional<FactorCache> cache;
    if (!resources.cache.empty()) cache.emplace(resources.cache, resources.cache_size);
    const MergeSettings settings = merge_settings(first, resources, cache ? &*cache : nullptr);
    MergedFiles merged = output_kind(first.out) == OutputKind::kTorchScript
                             ? write_torchscript(recipes, updates, settings)
                             : write_streamed(recipes, updates, settings);
    if (cache) merged.cache = cache->counts();
    for (const MergeSummary& summary : merged.summaries) report_oddities(summary);
    return merged;
  } catch (const Error& error) {
    throw error.during("merging " + first.method);
  }
}

}  // namespace isomerge
