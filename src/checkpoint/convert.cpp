#include "checkpoint/convert.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/archive.h"
#include "checkpoint/folder_writer.h"
#include "checkpoint/safetensors.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

enum class OutputKind { kSafetensors, kFolder, kTorchScript };

OutputKind kind_of(const fs::path& out) {
  std::error_code ignored;
  if (!out.has_filename() || fs::is_directory(out, ignored)) return OutputKind::kFolder;
  const std::string extension = out.extension().string();
  if (extension == ".safetensors") return OutputKind::kSafetensors;
  if (extension == ".pt" || extension == ".pth" || extension == ".ts") {
    return OutputKind::kTorchScript;
  }
  throw input_error(
      fmt::format("{}: unknown kind of output; name it *.safetensors, *.pt (TorchScript) or a "
                  "folder with / at its end",
                  out.string()));
}

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

// Writing over a file that is being read would destroy both.
void require_not_an_input(const fs::path& out, OutputKind kind,
                          const std::vector<fs::path>& inputs) {
  for (const fs::path& input : inputs) {
    std::error_code ignored;
    const bool is_same = kind == OutputKind::kFolder
                             ? fs::equivalent(out, fs::absolute(input).parent_path(), ignored) &&
                                   is_folder_file(input.filename().string())
                             : fs::equivalent(out, input, ignored);
    if (is_same) {
      throw input_error(
          fmt::format("{}: the output would replace the input {}", out.string(), input.string()));
    }
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
  FolderOptions folder{options.shard_bytes.value_or(0), {}};
  const fs::path config = in.files().front().parent_path() / "config.json";
  if (fs::exists(config)) folder.texts["config.json"] = read_text_file(config);
  if (!fs::exists(out / "README.md")) folder.texts["README.md"] = model_card(out, in, tensors);
  return folder;
}

template <typename Writer>
void write_all(const Checkpoint& in, const std::vector<TensorInfo>& tensors, Writer* writer) {
  for (const TensorInfo& info : tensors) writer->write(info.name, in.read(info.name));
  writer->commit();
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
  const OutputKind kind = kind_of(out);
  require_options_fit(out, kind, options);
  require_not_an_input(out, kind, in.files());
  const std::vector<TensorInfo> tensors = output_tensors(in, options);
  ConvertSummary summary{out, Format::kSafetensors, tensors.size(), bytes_of(tensors)};
  if (kind == OutputKind::kSafetensors) {
    SafetensorsWriter writer(out, tensors, output_metadata(in));
    write_all(in, tensors, &writer);
  } else if (kind == OutputKind::kFolder) {
    FolderWriter writer(out, tensors, output_metadata(in),
                        folder_options(out, in, options, tensors.size()));
    write_all(in, tensors, &writer);
  } else {
    summary.format = Format::kTorchScript;
    summary.bytes = options.program ? write_program(in, out, Checkpoint(*options.program))
                                    : write_program(in, out, in);
  }
  return summary;
}

}  // namespace isomerge
