#include "checkpoint/output.h"

#include <type_traits>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

// Calls `call` with the writer that is there.
template <typename Variant, typename Call>
void with_writer(Variant& writer, const Call& call) {
  std::visit(
      [&](auto& one) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(one)>, std::monostate>) call(one);
      },
      writer);
}

}  // namespace

OutputKind output_kind(const fs::path& out) {
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

FolderOptions folder_beside(const fs::path& out, const Checkpoint& pattern, uint64_t shard_bytes,
                            const std::string& card) {
  FolderOptions folder{shard_bytes, {}};
  const fs::path config = pattern.files().front().parent_path() / "config.json";
  if (fs::exists(config)) folder.texts["config.json"] = read_text_file(config);
  if (!fs::exists(out / "README.md")) folder.texts["README.md"] = card;
  return folder;
}

StreamedOutput::StreamedOutput(const fs::path& out, OutputKind kind,
                               const std::vector<TensorInfo>& tensors,
                               const std::map<std::string, std::string>& metadata,
                               const FolderOptions& folder) {
  if (kind == OutputKind::kFolder) {
    writer_.emplace<FolderWriter>(out, tensors, metadata, folder);
  } else {
    writer_.emplace<SafetensorsWriter>(out, tensors, metadata);
  }
}

void StreamedOutput::write(const std::string& name, const at::Tensor& entries) {
  with_writer(writer_, [&](auto& writer) { writer.write(name, entries); });
}

void StreamedOutput::set_metadata(const std::string& key, const std::string& value) {
  with_writer(writer_, [&](auto& writer) { writer.set_metadata(key, value); });
}

void StreamedOutput::commit() {
  with_writer(writer_, [](auto& writer) { writer.commit(); });
}

}  // namespace isomerge
