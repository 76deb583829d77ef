#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "base/text.h"
#include "checkpoint/convert.h"
#include "checkpoint/output.h"
#include "factor/extracted_adapter.h"

namespace isomerge {
namespace {

at::ScalarType parse_dtype(const std::string& text) {
  for (const at::ScalarType dtype : {at::kFloat, at::kHalf, at::kBFloat16}) {
    if (text == dtype_text(dtype)) return dtype;
  }
  throw input_error(fmt::format("convert: --dtype: expected fp32, fp16 or bf16, got \"{}\"", text));
}

ConvertOptions options_of(const Arguments& arguments) {
  ConvertOptions options;
  if (const auto text = arguments.find("dtype")) options.dtype = parse_dtype(*text);
  options.shard_bytes = arguments.find_bytes("shard-size");
  if (const auto program = arguments.find("program")) options.program = *program;
  if (const auto names = arguments.find("names")) options.names = parse_naming(*names);
  options.prefix = arguments.find("prefix").value_or("");
  if (!options.prefix.empty() && !options.names) {
    throw input_error("convert: --prefix is for --names openclip");
  }
  return options;
}

void print_summary(const Checkpoint& in, const ConvertSummary& summary, bool json) {
  if (json) {
    const nlohmann::ordered_json out = {{"in", in.label()},
                                        {"out", summary.out.string()},
                                        {"format", format_text(summary.format)},
                                        {"tensors", summary.tensors},
                                        {"bytes", summary.bytes},
                                        {"left_out", summary.left_out}};
    fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  fmt::print("{}: {} tensors, {}, {} from {}\n", summary.out.string(), summary.tensors,
             human_bytes(summary.bytes), format_text(summary.format), in.label());
  if (!summary.left_out.empty()) {
    fmt::print("  left out, they only count: {}\n", join(summary.left_out, ", "));
  }
}

ExtractionOptions extraction_options(const Arguments& arguments) {
  for (const char* flag : {"names", "prefix", "shard-size", "program"}) {
    if (arguments.has(flag)) {
      throw input_error(fmt::format("convert: --{} does not go with --adapter-of", flag));
    }
  }
  ExtractionOptions options;
  options.rank = arguments.find_whole("rank");
  options.error = arguments.find_number("error");
  options.drop_others = arguments.has("drop-others");
  if (const auto text = arguments.find("dtype")) options.dtype = parse_dtype(*text);
  options.threads = arguments.threads();
  return options;
}

void print_extraction(const std::string& in, const std::string& out,
                      const ExtractionSummary& summary, bool json) {
  const auto by_rank = [](const auto& a, const auto& b) { return a.rank < b.rank; };
  const auto by_error = [](const auto& a, const auto& b) { return a.error() < b.error(); };
  const auto& all = summary.matrices;
  const auto [lowest, highest] = std::minmax_element(all.begin(), all.end(), by_rank);
  const auto worst = std::max_element(all.begin(), all.end(), by_error);
  if (json) {
    nlohmann::ordered_json matrices = nlohmann::ordered_json::array();
    for (const ExtractedMatrix& matrix : all) {
      matrices.push_back(
          {{"name", matrix.name}, {"rank", matrix.rank}, {"relative_error", matrix.error()}});
    }
    const nlohmann::ordered_json object = {{"in", in},
                                           {"out", out},
                                           {"matrices", matrices},
                                           {"relative_error", summary.total_error()},
                                           {"unchanged", summary.unchanged},
                                           {"dropped", summary.dropped}};
    fmt::print("{}\n", object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  fmt::print("{}: adapter of {} matrices, rank {}, relative error {:.4f}, at most {:.4f} ({})\n",
             out, all.size(),
             lowest->rank == highest->rank ? std::to_string(lowest->rank)
                                           : fmt::format("{} to {}", lowest->rank, highest->rank),
             summary.total_error(), worst->error(), worst->name);
  if (!summary.dropped.empty()) {
    fmt::print("  left as in the base, although changed: {}\n", join(summary.dropped, ", "));
  }
}

int run_extraction(const Arguments& arguments, const std::string& base) {
  const std::string &in = arguments.operands()[0], &out = arguments.operands()[1];
  if (output_kind(out) != OutputKind::kFolder) {
    throw input_error(out + ": an adapter is a folder; write / at the end of its name");
  }
  const ExtractionSummary summary = extract_adapter(in, base, out, extraction_options(arguments));
  print_extraction(in, out, summary, arguments.has("json"));
  return 0;
}

}  // namespace

const CommandInfo& convert_info() {
  static const CommandInfo info{
      "convert",
      "IN OUT [options]",
      "write a checkpoint in another format, dtype or under another library's names; or a LoRA "
      "adapter",
      "  isomerge convert pytorch_model.bin model/ --dtype bf16 --shard-size 5GiB\n"
      "  isomerge convert expert.safetensors adapter/ --adapter-of base.safetensors --error 0.1",
      {{"names", "openclip|hf", "OpenCLIP's names of CLIP's tensors, or HuggingFace's"},
       {"prefix", "TEXT", "in front of OpenCLIP's names: model. (default: none)"},
       {"dtype", "fp32|fp16|bf16", "of floating-point tensors (default: as they are)"},
       {"shard-size", "SIZE", "of tensors per file of a folder: 5GiB (default: one file)"},
       {"program", "FILE", "TorchScript file whose program a *.pt output gets (default: IN)"},
       {"adapter-of", "BASE", "OUT/ is a PEFT adapter of BASE: the update of IN at low rank"},
       {"rank", "K", "rank of every matrix of the adapter"},
       {"error", "E", "or the lowest ranks of at most this relative error: 0.1"},
       {"drop-others", "", "leave tensors that an adapter cannot hold as in BASE"},
       {"json", "", "print the summary as JSON"}},
      2,
      2};
  return info;
}

int run_convert(const Arguments& arguments) {
  if (const auto base = arguments.find("adapter-of")) return run_extraction(arguments, *base);
  for (const char* flag : {"rank", "error", "drop-others"}) {
    if (arguments.has(flag)) {
      throw input_error(fmt::format("convert: --{} is for --adapter-of", flag));
    }
  }
  const ConvertOptions options = options_of(arguments);
  const Checkpoint in(arguments.operands()[0]);
  print_summary(in, convert_checkpoint(in, arguments.operands()[1], options),
                arguments.has("json"));
  return 0;
}

}  // namespace isomerge
