#include "checkpoint/convert.h"

#include <functional>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/archive.h"
#include "checkpoint/output.h"
#include "checkpoint/renamed_checkpoint.h"
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

// What is written: the input's tensors, under its names or under others.
struct Source {
  std::vector<TensorInfo> tensors;
  std::function<at::Tensor(const std::string& name)> read;
  std::vector<std::string> left_out;
};

Source source_of(const Checkpoint& in, const ConvertOptions& options) {
  if (!options.names) {
    return {in.tensors(), [&in](const std::string& name) { return in.read(name); }, {}};
  }
  const auto renamed = std::make_shared<RenamedCheckpoint>(in, *options.names, options.prefix);
  return {renamed->tensors(), [renamed](const std::string& name) { return renamed->read(name); },
          renamed->left_out()};
}

std::vector<TensorInfo> output_tensors(std::vector<TensorInfo> tensors,
                                       const ConvertOptions& options) {
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
  FolderOptions folder =
      folder_beside(out, in, options.shard_bytes.value_or(0), model_card(out, in, tensors));
  if (options.names) folder.texts.erase("config.json");
  return folder;
}

// Returns the bytes of the tensors in the program's dtypes.
uint64_t write_program(const Checkpoint& in, const Source& source, const fs::path& out,
                       const Checkpoint& program) {
  if (program.format() != Format::kTorchScript) {
    throw input_error(
        fmt::format("{}: a TorchScript output takes its program from a TorchScript file, but {} is "
                    "a {}; name one with --program, or write *.safetensors",
                    out.string(), program.label(), format_text(program.format())));
  }
  require_not_an_input(out, OutputKind::kTorchScript, program.files());
  require_same_layout(program.layout(), {{in.label(), source.tensors}});
  write_archive(out, program, source.read);
  return bytes_of(program.tensors());
}

}  // namespace

ConvertSummary convert_checkpoint(const Checkpoint& in, const fs::path& out,
                                  const ConvertOptions& options) {
  const OutputKind kind = output_kind(out);
  require_options_fit(out, kind, options);
  require_not_an_input(out, kind, in.files());
  const Source source = source_of(in, options);
  const std::vector<TensorInfo> tensors = output_tensors(source.tensors, options);
  ConvertSummary summary{out, Format::kSafetensors, tensors.size(), bytes_of(tensors),
                         source.left_out};
  if (kind != OutputKind::kTorchScript) {
    StreamedOutput output(out, kind, tensors, output_metadata(in),
                          folder_options(out, in, options, tensors.size()));
    for (const TensorInfo& info : tensors) output.write(info.name, source.read(info.name));
    output.commit();
  } else {
    summary.format = Format::kTorchScript;
    summary.bytes = options.program ? write_program(in, source, out, Checkpoint(*options.program))
                                    : write_program(in, source, out, in);
  }
  return summary;
}

}  // namespace isomerge
