#include "checkpoint/convert.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/archive.h"
#include "checkpoint/output.h"
#include "checkpoint/safetensors.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

void require_options_fit(const fs::path& out, OutputKind kind, const ConvertOptions& options) {
  const auto refuse = [&](const char* flag, const char* what) {
    throw input_error(fmt::format("{}: {} is for {}", out.string(), flag, what));
  };
  if (options.shard_bytes && kind != OutputKind::kFolder) {
    refuse("--shard-size", "a folder; write / at the end of its name");
  }
  if (options.program && kind != OutputKind::kTorchScript) refuse("--program", "*.pt outputs");
  if (options.dtype && kind == OutputKind::kTorchScript) {
    refuse("--dtype", "*.safetensors and folders; a program keeps its own dtypes");
  }
}

std::vector<TensorInfo> output_tensors(const Checkpoint& in, const ConvertOptions& options) {
  std::vector<TensorInfo> tensors = in.tensors();
  for (TensorInfo& info : tensors) {
    if (options.dtype && is_floating(info.dtype)) info.dtype = *options.dtype;
  }
  return in_writing_order(std::move(tensors));
}

uint64_t bytes_of(const std::vector<TensorInfo>& tensors) {
  uint64_t bytes = 0;
  for (const TensorInfo& info : tensors) bytes += info.bytes();
  return bytes;
}

std::map<std::string, std::string> output_metadata(const Checkpoint& in) {
  auto metadata = in.metadata();
  metadata.emplace("format", "pt");  // what other readers of safetensors expect to find
  return metadata;
}

std::string model_card(const fs::path& out, const Checkpoint& in, size_t tensors) {
  const fs::path folder = out.has_filename() ? out : out.parent_path();
  return fmt::format("# {}\n\nConverted by isomerge from {} ({}): {} tensors.\n",
                     folder.filename().string(), in.files().front().filename().string(),
                     format_text(in.format()), tensors);
}

FolderOptions folder_options(const fs::path& out, const Checkpoint& in,
                             const ConvertOptions& options, size_t tensors) {
  return folder_beside(out, in, options.shard_bytes.value_or(0), model_card(out, in, tensors));
}

// Returns the bytes of the tensors in the program's dtypes.
uint64_t write_program(const Checkpoint& in, const fs::path& out, const Checkpoint& program) {
  if (program.format() != Format::kTorchScript) {
    throw input_error(
        fmt::format("{}: a TorchScript output takes its program from a TorchScript file, but {} is "
                    "a {}; name one with --program, or write *.safetensors",
                    out.string(), program.label(), format_text(program.format())));
  }
  require_not_an_input(out, OutputKind::kTorchScript, program.files());
  require_same_layout(program.layout(), {in.layout()});
  write_archive(out, program, [&](const std::string& name) { return in.read(name); });
  return bytes_of(program.tensors());
}

}  // namespace

ConvertSummary convert_checkpoint(const Checkpoint& in, const fs::path& out,
                                  const ConvertOptions& options) {
  const OutputKind kind = output_kind(out);
  require_options_fit(out, kind, options);
  require_not_an_input(out, kind, in.files());
  const std::vector<TensorInfo> tensors = output_tensors(in, options);
  ConvertSummary summary{out, Format::kSafetensors, tensors.size(), bytes_of(tensors)};
  if (kind != OutputKind::kTorchScript) {
    StreamedOutput output(out, kind, tensors, output_metadata(in),
                          folder_options(out, in, options, tensors.size()));
    for (const TensorInfo& info : tensors) output.write(info.name, in.read(info.name));
    output.commit();
  } else {
    summary.format = Format::kTorchScript;
    summary.bytes = options.program ? write_program(in, out, Checkpoint(*options.program))
                                    : write_program(in, out, in);
  }
  return summary;
}

}  // namespace isomerge
