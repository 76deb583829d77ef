#include "checkpoint/archive.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <set>

#include <caffe2/serialize/inline_container.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/unpickler.h"
#include "checkpoint/zip_directory.h"

namespace isomerge {
namespace {

using Members = std::map<std::string, ZipMember>;
using Kind = PickleNode::Kind;

// What this reader needs itself is never compressed in a file that PyTorch wrote.
void require_stored(const InputFile& file, const std::string& name, const ZipMember& member) {
  if (member.is_compressed) {
    throw input_error(fmt::format("{}: not a valid PyTorch archive: \"{}\" is compressed",
                                  file.path().string(), name));
  }
}

std::string read_stored(const InputFile& file, const Members& members, const std::string& name) {
  const ZipMember& member = members.at(name);
  require_stored(file, name, member);
  std::string bytes(member.bytes, '\0');
  file.read_at(member.offset, bytes.data(), bytes.size());
  return bytes;
}

// Members lie below one folder named after the file when it was saved; "" if there is no data.pkl.
std::string archive_root(const InputFile& file, const Members& members) {
  for (const auto& [name, member] : members) {
    if (name.ends_with("/data.pkl")) return name.substr(0, name.size() - 8);
  }
  throw input_error(fmt::format("{}: a zip file, but not a PyTorch archive: no data.pkl in it",
                                file.path().string()));
}

// Elements from the first to one past the last that the view touches; 0 for an empty one.
uint64_t end_of_view(const InputFile& file, const std::string& name, const PickledTensor& tensor) {
  uint64_t last = tensor.offset;
  bool overflow = false;
  for (size_t d = 0; d < tensor.shape.size(); ++d) {
    if (tensor.shape[d] == 0) return 0;
    uint64_t reach = 0;
    overflow |= __builtin_mul_overflow(static_cast<uint64_t>(tensor.shape[d] - 1),
                                       static_cast<uint64_t>(tensor.strides[d]), &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
  }
  if (overflow || last == UINT64_MAX) {
    throw input_error(fmt::format("{}: {}: its shape {} overflows", file.path().string(), name,
                                  shape_text(tensor.shape)));
  }
  return last + 1;
}

bool is_contiguous(const PickledTensor& tensor) {
  int64_t expected = 1;
  for (size_t d = tensor.shape.size(); d-- > 0;) {
    if (tensor.shape[d] != 1 && tensor.strides[d] != expected) return false;
    expected *= tensor.shape[d];
  }
  return true;
}

TensorPlace place_tensor(const InputFile& file, const Members& members, const std::string& root,
                         const std::string& name, const PickledTensor& tensor) {
  const auto storage = members.find(root + "data/" + tensor.storage);
  if (storage == members.end()) {
    throw input_error(fmt::format("{}: {}: its data (member {}data/{}) are missing",
                                  file.path().string(), name, root, tensor.storage));
  }
  require_stored(file, storage->first, storage->second);
  const uint64_t elements = storage->second.bytes / c10::elementSize(tensor.dtype);
  const uint64_t end = end_of_view(file, name, tensor);
  if (end > elements || tensor.storage_elements > elements) {
    throw input_error(fmt::format(
        "{}: {}: needs {} elements of its storage, which has {}", file.path().string(), name,
        with_commas(std::max(end, tensor.storage_elements)), with_commas(elements)));
  }
  TensorPlace place;
  place.info = {name, tensor.dtype, tensor.shape};
  place.offset = storage->second.offset + tensor.offset * c10::elementSize(tensor.dtype);
  if (!is_contiguous(tensor)) place.strides = tensor.strides;
  return place;
}

using Visit = std::function<void(const std::string&, const PickledTensor&)>;

// Visits every tensor below a value with its dotted name, through modules and dictionaries.
class TensorWalk {
 public:
  explicit TensorWalk(Visit visit) : visit_(std::move(visit)) {}

  void walk(const PickleNode& value, const std::string& name, int depth = 0) {
    // A pickle may refer to itself, or to one dictionary from many places.
    if (depth > kMaxDepth || ++visited_ > kMaxVisited) {
      throw input_error(fmt::format("{}: nested too deeply for a model", name));
    }
    if (value.kind == Kind::kTensor) return visit_(name, value.tensor);
    if (value.kind == Kind::kObject && value.state) return walk(*value.state, name, depth + 1);
    if (value.kind != Kind::kDict) return;
    for (size_t i = 0; i + 1 < value.items.size(); i += 2) {
      if (value.items[i]->kind != Kind::kText) continue;
      const std::string& key = value.items[i]->text;
      walk(*value.items[i + 1], name.empty() ? key : name + "." + key, depth + 1);
    }
  }

 private:
  static constexpr int kMaxDepth = 64;
  static constexpr int kMaxVisited = 1'000'000;

  Visit visit_;
  int visited_ = 0;
};

// The bytes of the storages of `pattern`, with the weights put in. One storage at a time.
class StorageFiller {
 public:
  StorageFiller(const InputFile& file, const Members& members, const std::string& root) {
    const PickleValue top =
        read_pickle(read_stored(file, members, root + "data.pkl"), file.path().string());
    TensorWalk([&](const std::string& name, const PickledTensor& tensor) {
      users_[root + "data/" + tensor.storage].emplace_back(name, tensor);
    }).walk(*top, "");
  }

  // Puts the weights of the tensors that live in `member` into its `bytes`.
  void fill(const std::string& member, std::string* bytes,
            const std::function<at::Tensor(const std::string&)>& weight) const {
    const auto users = users_.find(member);
    if (users == users_.end()) return;
    std::vector<bool> written(bytes->size(), false);
    for (const auto& [name, tensor] : users->second) {
      const size_t size = c10::elementSize(tensor.dtype);
      const at::Tensor value = weight(name).to(tensor.dtype).contiguous();
      const auto* source = static_cast<const char*>(value.const_data_ptr());
      for (int64_t i = 0; i < value.numel(); ++i, source += size) {
        const size_t at = position(tensor, i) * size;
        if (written[at] && std::memcmp(bytes->data() + at, source, size) != 0) {
          throw input_error(fmt::format(
              "{}: shares its storage with another tensor of the archive, but the merged values "
              "differ; write safetensors instead",
              name));
        }
        std::memcpy(bytes->data() + at, source, size);
        written[at] = true;
      }
    }
  }

 private:
  // Element number in the storage of element `i` of the row-major tensor.
  static size_t position(const PickledTensor& tensor, int64_t i) {
    auto at = static_cast<int64_t>(tensor.offset);
    for (size_t d = tensor.shape.size(); d-- > 0;) {
      at += i % tensor.shape[d] * tensor.strides[d];
      i /= tensor.shape[d];
    }
    return static_cast<size_t>(at);
  }

  std::map<std::string, std::vector<std::pair<std::string, PickledTensor>>> users_;
};

}  // namespace

std::vector<TensorPlace> read_archive_places(const InputFile& file) {
  const Members members = read_zip_directory(file);
  const std::string root = archive_root(file, members);
  const PickleValue top =
      read_pickle(read_stored(file, members, root + "data.pkl"), file.path().string());
  std::vector<TensorPlace> places;
  std::set<std::string> names;
  TensorWalk([&](const std::string& name, const PickledTensor& tensor) {
    if (!names.insert(name).second) {
      throw input_error(fmt::format("{}: {} appears twice", file.path().string(), name));
    }
    places.push_back(place_tensor(file, members, root, name, tensor));
  }).walk(*top, "");
  if (places.empty()) {
    throw input_error(fmt::format("{}: no tensors in it", file.path().string()));
  }
  return places;
}

void write_archive(const std::filesystem::path& out, const Checkpoint& pattern,
                   const std::function<at::Tensor(const std::string& name)>& weight) {
  const InputFile file(pattern.path());
  const Members members = read_zip_directory(file);
  const std::string root = archive_root(file, members);
  const StorageFiller filler(file, members, root);

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
    caffe2::serialize::PyTorchStreamReader reader(pattern.path().string());
    caffe2::serialize::PyTorchStreamWriter writer(sink);
    for (const auto& [name, member] : members) {
      const std::string inner = name.substr(root.size());
      // The writer adds these two itself.
      if (inner == "version" || inner == ".data/serialization_id") continue;
      const auto [data, size] = reader.getRecord(inner);
      std::string bytes(static_cast<const char*>(data.get()), size);
      filler.fill(name, &bytes, weight);
      writer.writeRecord(inner, bytes.data(), bytes.size(), member.is_compressed);
      if (failure) break;
    }
    if (!failure) writer.writeEndOfFile();
  } catch (const c10::Error& error) {
    if (!failure) {
      throw machine_error(fmt::format("{}: {}", out.string(), error.what_without_backtrace()));
    }
  }
  if (failure) std::rethrow_exception(failure);
  target.commit();
}

}  // namespace isomerge
