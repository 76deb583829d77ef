#include "merge/merged_file.h"

#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "config/configuration.h"
#include "config/method_info.h"
#include "merge/merge_files.h"
#include "merge/tall_mask_file.h"

namespace isomerge {
namespace {

at::ScalarType output_dtype(const Recipe& recipe, const TensorInfo& info) {
  if (!is_floating(info.dtype)) return info.dtype;
  if (const auto chosen = chosen_dtype(recipe.dtype)) return *chosen;
  return recipe.update_only ? compute_dtype(recipe.precision) : info.dtype;
}

constexpr size_t kHashLength = 32;

std::string base_key() { return "isomerge.base"; }
std::string expert_key(const std::string& task) { return "isomerge.expert." + task; }

std::vector<TensorInfo> output_infos(const Recipe& recipe, const Updates& updates) {
  std::vector<TensorInfo> infos;
  for (TensorInfo info : updates.tensors()) {
    if (recipe.update_only && !is_floating(info.dtype)) continue;
    info.dtype = output_dtype(recipe, info);
    infos.push_back(std::move(info));
  }
  return infos;
}

FolderOptions folder_options(const Recipe& recipe, const Updates& updates, double alpha) {
  if (output_kind(recipe.out) != OutputKind::kFolder) return {};
  return folder_beside(recipe.out, updates.base(), recipe.shard_bytes, model_card(recipe, alpha));
}

}  // namespace

// The hashes are known only when everything was read: their places are kept.
std::map<std::string, std::string> output_metadata(const Recipe& recipe, double alpha) {
  std::vector<std::string> tasks;
  for (const auto& [task, path] : recipe.experts) tasks.push_back(task);
  const std::string content = recipe.adapter_rank > 0 ? "adapter"
                              : recipe.update_only    ? kContentUpdate
                                                      : kContentModel;
  const auto shown_alpha = recipe.update_only ? std::nullopt : std::optional(alpha);
  const std::string no_hash(kHashLength, '0');
  std::map<std::string, std::string> metadata = {
      {"format", "pt"},  // what other readers of safetensors expect to find
      {"isomerge.recipe", configuration_text({recipe.method, shown_options(recipe), shown_alpha})},
      {"isomerge.tasks", join(tasks, ",")},
      {"isomerge.precision", precision_text(recipe.precision)},
      {"isomerge.attention", attention_text(recipe.split_attention)},
      {kContentKey, content},
      {base_key(), no_hash}};
  for (const std::string& task : tasks) metadata[expert_key(task)] = no_hash;
  if (!recipe.masks.empty()) metadata["isomerge.masks"] = TallMaskFile(recipe.masks).hash();
  return metadata;
}

std::string model_card(const Recipe& recipe, double alpha) {
  const MethodInfo& method = require_method_info(recipe.method);
  std::string card = fmt::format(
      "{}# {}\n\nMerged by isomerge: {} of {} experts{}.\n\n    {}\n\n    {}\n\n{}\n\nTasks:\n",
      recipe.adapter_rank > 0 ? "---\nlibrary_name: peft\n---\n" : "",
      recipe.out.has_filename() ? recipe.out.filename().string()
                                : recipe.out.parent_path().filename().string(),
      method.title, recipe.experts.size(),
      recipe.adapter_rank > 0 ? fmt::format(" as an adapter of rank {}", recipe.adapter_rank)
      : recipe.update_only    ? " (the merged update alone)"
                              : "",
      configuration_text({recipe.method, shown_options(recipe), alpha}), method.formula,
      method.source);
  for (const auto& [task, path] : recipe.experts) card += fmt::format("- {}\n", task);
  return card + "\nThe hashes of base and experts are in the metadata of the safetensors files.\n";
}

void set_hash_metadata(const std::vector<std::string>& tasks, const MergeSummary& summary,
                       std::map<std::string, std::string>* metadata) {
  (*metadata)[base_key()] = summary.base_hash;
  for (size_t t = 0; t < tasks.size(); ++t) {
    (*metadata)[expert_key(tasks[t])] = summary.expert_hashes[t];
  }
}

MergedFile::MergedFile(const Recipe& recipe, const Updates& updates)
    : recipe_(recipe),
      alpha_(resolved_alpha(recipe)),
      output_(recipe.out, output_kind(recipe.out), output_infos(recipe, updates),
              output_metadata(recipe, alpha_), folder_options(recipe, updates, alpha_)) {}

void MergedFile::write(const MergedPiece& part) {
  const Piece& piece = part.piece;
  if (recipe_.update_only && piece.role == Role::kCopied) return;
  output_.write(piece.info.name, output_value(recipe_, alpha_, piece.role, part));
}

void MergedFile::set_hashes(const std::vector<std::string>& tasks, const MergeSummary& summary) {
  std::map<std::string, std::string> hashes;
  set_hash_metadata(tasks, summary, &hashes);
  for (const auto& [key, hash] : hashes) output_.set_metadata(key, hash);
}

}  // namespace isomerge
