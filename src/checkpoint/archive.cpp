#include "checkpoint/archive.h"

#include <cstring>
#include <exception>

#include <caffe2/serialize/inline_container.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/archive_reader.h"

namespace isomerge {
namespace {

using caffe2::serialize::PyTorchStreamReader;
using caffe2::serialize::PyTorchStreamWriter;
using WeightOf = std::function<at::Tensor(const std::string& name)>;

// Element number in the storage of element `i` of the row-major tensor.
size_t position(const PickledTensor& view, int64_t i) {
  auto at = static_cast<int64_t>(view.offset);
  for (size_t d = view.shape.size(); d-- > 0;) {
    at += i % view.shape[d] * view.strides[d];
    i /= view.shape[d];
  }
  return static_cast<size_t>(at);
}

// The tensors of an archive by the member that holds their storage.
class StorageFiller {
 public:
  StorageFiller(const Archive& archive, const WeightOf& weight) : weight_(weight) {
    for (const ArchiveTensor& tensor : archive.tensors) {
      users_[archive.root + "data/" + tensor.view.storage].push_back(&tensor);
    }
  }

  // Puts the weights of the tensors that live in `member` into its `bytes`.
  void fill(const std::string& member, std::string* bytes) const {
    const auto users = users_.find(member);
    if (users == users_.end()) return;
    std::vector<bool> written(bytes->size(), false);
    for (const ArchiveTensor* tensor : users->second) put(*tensor, bytes, &written);
  }

 private:
  void put(const ArchiveTensor& tensor, std::string* bytes, std::vector<bool>* written) const {
    const std::string& name = tensor.place.info.name;
    const at::Tensor value = convert_finite(weight_(name), tensor.view.dtype, name).contiguous();
    if (value.sizes() != at::IntArrayRef(tensor.view.shape)) {
      throw Error(Fault::kInternal,
                  fmt::format("{}: written with another shape; please report this", name));
    }
    const size_t size = c10::elementSize(tensor.view.dtype);
    const auto* source = static_cast<const char*>(value.const_data_ptr());
    for (int64_t i = 0; i < value.numel(); ++i, source += size) {
      const size_t at = position(tensor.view, i) * size;
      if ((*written)[at] && std::memcmp(bytes->data() + at, source, size) != 0) {
        throw input_error(fmt::format(
            "{}: shares its storage with another tensor of the archive, but the values differ; "
            "write safetensors instead",
            name));
      }
      std::memcpy(bytes->data() + at, source, size);
      (*written)[at] = true;
    }
  }

  const WeightOf& weight_;
  std::map<std::string, std::vector<const ArchiveTensor*>> users_;
};

// Only program text is compressed. A few kilobytes may claim to be terabytes.
void require_reasonable_text(const InputFile& file, const Archive& archive) {
  constexpr uint64_t kMaxText = uint64_t{256} << 20;
  uint64_t total = 0;
  for (const auto& [name, member] : archive.members) {
    if (!name.starts_with(archive.root)) {
      throw input_error(fmt::format("{}: not a valid PyTorch archive: \"{}\" is not below \"{}\"",
                                    file.path().string(), name, archive.root));
    }
    if (!member.is_compressed) continue;
    if (member.full_bytes > kMaxText || (total += member.full_bytes) > kMaxText) {
      throw input_error(fmt::format("{}: its program claims {} of text, more than {}",
                                    file.path().string(), human_bytes(member.full_bytes),
                                    human_bytes(kMaxText)));
    }
  }
}

// The member's bytes, uncompressed. The zip library inflates no more than its own directory entry
// claims, so that entry has to say what ours says.
std::string read_member(const InputFile& file, PyTorchStreamReader& reader,
                        const std::string& inner, const ZipMember& member) {
  std::string bytes(member.full_bytes, '\0');
  if (!member.is_compressed) {
    file.read_at(member.offset, bytes.data(), bytes.size());
    return bytes;
  }
  if (reader.getRecordSize(inner) != member.full_bytes) {
    throw input_error(fmt::format("{}: not a valid PyTorch archive: \"{}\" has two sizes",
                                  file.path().string(), inner));
  }
  const auto [data, size] = reader.getRecord(inner);
  std::memcpy(bytes.data(), data.get(), std::min(size, bytes.size()));
  return bytes;
}

void write_members(const InputFile& file, const Archive& archive, const StorageFiller& filler,
                   PyTorchStreamReader& reader, PyTorchStreamWriter& writer,
                   const std::exception_ptr& failure) {
  for (const auto& [name, member] : archive.members) {
    const std::string inner = name.substr(archive.root.size());
    // The writer adds these two itself.
    if (inner == "version" || inner == ".data/serialization_id") continue;
    std::string bytes = read_member(file, reader, inner, member);
    filler.fill(name, &bytes);
    writer.writeRecord(inner, bytes.data(), bytes.size(), member.is_compressed);
    if (failure) return;
  }
  writer.writeEndOfFile();
}

}  // namespace

void write_archive(const std::filesystem::path& out, const Checkpoint& pattern,
                   const WeightOf& weight) {
  const InputFile file(pattern.files().front());
  const Archive archive = read_archive(file);
  if (archive.format != Format::kTorchScript) {
    throw input_error(fmt::format("{}: a {} holds no program to write into {}", pattern.label(),
                                  format_text(archive.format), out.string()));
  }
  require_reasonable_text(file, archive);
  const StorageFiller filler(archive, weight);

  AtomicFile target(out);
  std::exception_ptr failure;  // must not travel through the zip library, which is C
  const auto sink = [&](const void* data, size_t bytes) -> size_t {
    try {
      target.write(data, bytes);
      return bytes;
    } catch (...) {
      failure = std::current_exception();
      return 0;
    }
  };
  try {
    PyTorchStreamReader reader(file.path().string());
    PyTorchStreamWriter writer(sink);
    write_members(file, archive, filler, reader, writer, failure);
  } catch (const c10::Error& error) {
    if (!failure) {
      throw machine_error(fmt::format("{}: {}", out.string(), error.what_without_backtrace()));
    }
  }
  if (failure) std::rethrow_exception(failure);
  target.commit();
}

}  // namespace isomerge
