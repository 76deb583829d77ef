#include "merge/merge_files.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "checkpoint/archive.h"
#include "checkpoint/safetensors.h"
#include "config/configuration.h"
#include "config/method_info.h"
#include "merge/method.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

enum class OutputFormat { kSafetensors, kTorchScript };

struct Output {
  fs::path path;
  OutputFormat format = OutputFormat::kSafetensors;
};

Output resolve_output(const fs::path& out, const Checkpoint& base) {
  if (!out.has_filename() || fs::is_directory(out)) {
    require_writable_folder(out);
    return {out / "model.safetensors"};
  }
  const std::string extension = out.extension().string();
  if (extension == ".safetensors") return {out};
  if (extension != ".pt" && extension != ".pth" && extension != ".ts") {
    throw input_error(
        fmt::format("{}: unknown kind of output; name it *.safetensors, *.pt (TorchScript) "
                    "or a folder with / at its end",
                    out.string()));
  }
  if (base.format() != Format::kTorchScript) {
    throw input_error(
        fmt::format("{}: a TorchScript output takes its program from the base, but {} "
                    "is a {} file; write *.safetensors",
                    out.string(), base.label(), format_text(base.format())));
  }
  return {out, OutputFormat::kTorchScript};
}

// Writing over a file that is being read would destroy both.
void require_not_an_input(const fs::path& out, const Recipe& recipe) {
  std::error_code error;
  const auto refuse_if_same = [&](const fs::path& input) {
    if (fs::equivalent(out, input, error)) {
      throw input_error(fmt::format("{}: the output is one of the inputs", out.string()));
    }
  };
  refuse_if_same(recipe.base);
  for (const auto& [task, path] : recipe.experts) refuse_if_same(path);
}

at::ScalarType output_dtype(const Recipe& recipe, const TensorInfo& info) {
  if (!is_floating(info.dtype)) return info.dtype;
  switch (recipe.dtype) {
    case OutputDtype::kFp32:
      return at::kFloat;
    case OutputDtype::kFp16:
      return at::kHalf;
    case OutputDtype::kBf16:
      return at::kBFloat16;
    case OutputDtype::kAsBase:
      break;
  }
  return recipe.update_only ? compute_dtype(recipe.precision) : info.dtype;
}

template <typename Tensor>  // MergedPiece or MergedTensor
at::Tensor output_value(const Recipe& recipe, double alpha, Role role, const Tensor& tensor) {
  if (role == Role::kCopied) return tensor.base;
  return recipe.update_only ? tensor.update : tensor.base.add(tensor.update, alpha);
}

std::map<std::string, std::string> output_metadata(const Recipe& recipe, const Options& options,
                                                   double alpha) {
  std::vector<std::string> tasks;
  for (const auto& [task, path] : recipe.experts) tasks.push_back(task);
  const auto shown_alpha = recipe.update_only ? std::nullopt : std::optional(alpha);
  return {{"format", "pt"},  // what other readers of safetensors expect to find
          {"isomerge.recipe", configuration_text({recipe.method, options, shown_alpha})},
          {"isomerge.tasks", join(tasks, ",")},
          {"isomerge.precision", precision_text(recipe.precision)},
          {"isomerge.content", recipe.update_only ? "merged update" : "model"}};
}

MergeSummary write_streamed(const Recipe& recipe, const Options& options, const Output& output,
                            const Updates& updates, const Rules& rules,
                            const MergeSettings& settings) {
  const double alpha = resolved_alpha(recipe);
  std::vector<TensorInfo> infos;
  for (TensorInfo info : updates.tensors()) {
    if (recipe.update_only && !is_floating(info.dtype)) continue;
    info.dtype = output_dtype(recipe, info);
    infos.push_back(std::move(info));
  }
  SafetensorsWriter writer(output.path, infos, output_metadata(recipe, options, alpha));
  MergeSummary summary = merge_updates(updates, rules, settings, [&](const MergedPiece& part) {
    const Piece& piece = part.piece;
    if (recipe.update_only && piece.role == Role::kCopied) return;
    writer.write(piece.info.name, output_value(recipe, alpha, piece.role, part));
  });
  writer.commit();
  return summary;
}

MergeSummary write_torchscript(const Recipe& recipe, const Output& output, const Updates& updates,
                               const Rules& rules, const MergeSettings& settings) {
  if (recipe.update_only || recipe.dtype != OutputDtype::kAsBase) {
    throw input_error(fmt::format("{}: --update-only and --dtype need a *.safetensors output",
                                  output.path.string()));
  }
  const double alpha = resolved_alpha(recipe);
  Weights weights;
  MergeSummary summary = merge_tensors(updates, rules, settings, [&](const MergedTensor& tensor) {
    weights[tensor.info.name] =
        output_value(recipe, alpha, tensor.role, tensor).to(tensor.info.dtype);
  });
  write_archive(output.path, updates.base(),
                [&](const std::string& name) { return weights.at(name); });
  return summary;
}

void report_oddities(const MergeSummary& summary) {
  for (const auto& [a, b] : summary.equal_experts) {
    log_warning(fmt::format("the experts of \"{}\" and \"{}\" hold the same values", a, b));
  }
  for (const auto& [name, found] : summary.findings) {
    if (found.cut > 0) log_info(fmt::format("{}: {} directions count as zero", name, found.cut));
    if (found.tied > 0) {
      log_warning(fmt::format("{}: {} cuts between equal singular values: which directions are kept "
                              "there is arbitrary",
                              name, found.tied));
    }
    if (found.fallbacks > 0) {
      log_info(fmt::format("{}: {} factorisations failed their check and were done by LAPACK", name,
                           found.fallbacks));
    }
    if (found.was_repeated) log_info(fmt::format("{}: doubtful in fp32, repeated in fp64", name));
  }
}

}  // namespace

at::ScalarType compute_dtype(Precision precision) {
  return precision == Precision::kFp64 ? at::kDouble : at::kFloat;
}

double resolved_alpha(const Recipe& recipe) {
  return recipe.alpha ? *recipe.alpha : require_method_info(recipe.method).default_alpha.value();
}

MergeSummary merge_files(const Recipe& recipe, int threads, c10::Device device) {
  const Options options = resolve_options(require_method_info(recipe.method), recipe.options);
  const Rules rules = require_method(recipe.method).rules(options);
  std::vector<Expert> experts;
  for (const auto& [task, path] : recipe.experts) experts.push_back({task, path});
  try {
    const Updates updates(recipe.base, experts);
    const Output output = resolve_output(recipe.out, updates.base());
    require_not_an_input(output.path, recipe);
    const MergeSettings settings{
        {recipe.exclude, recipe.average}, compute_dtype(recipe.precision), threads, device};
    const MergeSummary summary =
        output.format == OutputFormat::kSafetensors
            ? write_streamed(recipe, options, output, updates, rules, settings)
            : write_torchscript(recipe, output, updates, rules, settings);
    report_oddities(summary);
    return summary;
  } catch (const Error& error) {
    throw error.during("merging " + recipe.method);
  }
}

}  // namespace isomerge
