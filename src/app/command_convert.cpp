#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "base/text.h"
#include "checkpoint/convert.h"

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

}  // namespace

const CommandInfo& convert_info() {
  static const CommandInfo info{
      "convert",
      "IN OUT [options]",
      "write a checkpoint in another format, dtype or under another library's names",
      "  isomerge convert pytorch_model.bin model/ --dtype bf16 --shard-size 5GiB",
      {{"names", "openclip|hf", "OpenCLIP's names of CLIP's tensors, or HuggingFace's"},
       {"prefix", "TEXT", "in front of OpenCLIP's names: model. (default: none)"},
       {"dtype", "fp32|fp16|bf16", "of floating-point tensors (default: as they are)"},
       {"shard-size", "SIZE", "of tensors per file of a folder: 5GiB (default: one file)"},
       {"program", "FILE", "TorchScript file whose program a *.pt output gets (default: IN)"},
       {"json", "", "print the summary as JSON"}},
      2,
      2};
  return info;
}

int run_convert(const Arguments& arguments) {
  const ConvertOptions options = options_of(arguments);
  const Checkpoint in(arguments.operands()[0]);
  print_summary(in, convert_checkpoint(in, arguments.operands()[1], options),
                arguments.has("json"));
  return 0;
}

}  // namespace isomerge
