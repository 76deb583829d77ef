#include "checkpoint/archive_reader.h"

#include <algorithm>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/unpickler.h"

namespace isomerge {
namespace {

using Kind = PickleNode::Kind;

[[noreturn]] void refuse(const InputFile& file, const std::string& fact) {
  throw input_error(fmt::format("{}: {}", file.path().string(), fact));
}

// What this reader needs itself is never compressed in a file that PyTorch wrote.
void require_stored(const InputFile& file, const std::string& name, const ZipMember& member) {
  if (member.is_compressed) {
    refuse(file, fmt::format("not a valid PyTorch archive: \"{}\" is compressed", name));
  }
}

std::string read_stored(const InputFile& file, const Archive& archive, const std::string& name) {
  const ZipMember& member = archive.members.at(archive.root + name);
  require_stored(file, name, member);
  std::string bytes(member.bytes, '\0');
  file.read_at(member.offset, bytes.data(), bytes.size());
  return bytes;
}

// Members lie below one folder named after the file when it was saved.
std::string find_root(const InputFile& file, const Archive& archive) {
  for (const auto& [name, member] : archive.members) {
    if (name.ends_with("/data.pkl") && name.find('/') == name.size() - 9) {
      return name.substr(0, name.size() - 8);
    }
  }
  refuse(file, "a zip file, but not a PyTorch archive: no data.pkl in it");
}

void require_little_endian(const InputFile& file, const Archive& archive) {
  if (!archive.members.contains(archive.root + "byteorder")) return;  // older than PyTorch 2.1
  const std::string order = read_stored(file, archive, "byteorder");
  if (order != "little")
    refuse(file, fmt::format("was saved on a machine with {} bytes first", order.substr(0, 20)));
}

// Elements from the first to one past the last that the view touches; 0 for an empty one.
uint64_t end_of_view(const InputFile& file, const std::string& name, const PickledTensor& view) {
  if (std::find(view.shape.begin(), view.shape.end(), 0) != view.shape.end()) return 0;
  uint64_t last = view.offset;
  bool overflow = false;
  for (size_t d = 0; d < view.shape.size(); ++d) {
    uint64_t reach = 0;
    overflow |= __builtin_mul_overflow(static_cast<uint64_t>(view.shape[d] - 1),
                                       static_cast<uint64_t>(view.strides[d]), &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
  }
  if (overflow || last == UINT64_MAX) {
    refuse(file, fmt::format("{}: its shape {} overflows", name, shape_text(view.shape)));
  }
  return last + 1;
}

bool is_contiguous(const PickledTensor& view) {
  int64_t expected = 1;
  for (size_t d = view.shape.size(); d-- > 0;) {
    if (view.shape[d] != 1 && view.strides[d] != expected) return false;
    expected *= view.shape[d];
  }
  return true;
}

TensorPlace place_tensor(const InputFile& file, const Archive& archive, const std::string& name,
                         const PickledTensor& view) {
  if (const auto fault = find_shape_fault(view.dtype, view.shape)) {
    refuse(file, fmt::format("{}: {}", name, *fault));
  }
  const auto storage = archive.members.find(archive.root + "data/" + view.storage);
  if (storage == archive.members.end()) {
    refuse(file, fmt::format("{}: its data (member {}data/{}) are missing", name, archive.root,
                             view.storage));
  }
  require_stored(file, storage->first, storage->second);
  const uint64_t elements = storage->second.bytes / c10::elementSize(view.dtype);
  const uint64_t end = end_of_view(file, name, view);
  if (end > elements || view.storage_elements > elements) {
    refuse(file,
           fmt::format("{}: needs {} elements of its storage, which has {}", name,
                       with_commas(std::max(end, view.storage_elements)), with_commas(elements)));
  }
  TensorPlace place;
  place.info = {name, view.dtype, view.shape};
  // Steps of 0 repeat elements as often as they like; what they add up to was never in memory.
  if (place.info.bytes() > file.size()) {
    refuse(file, fmt::format("{}: repeats {} elements to shape {}, more than the file holds; save "
                             "its .contiguous()",
                             name, with_commas(end), shape_text(view.shape)));
  }
  place.offset = storage->second.offset;
  if (end == 0) return place;
  place.offset += view.offset * c10::elementSize(view.dtype);
  if (!is_contiguous(view)) place.strides = view.strides;
  return place;
}

using Visit = std::function<void(const std::string&, const PickledTensor&)>;

// Visits every tensor below a value with its dotted name, through modules and dictionaries.
class TensorWalk {
 public:
  // A pickle may refer to itself, or to one dictionary from many places that are each referred to
  // from many: a few bytes then stand for any number of tensors.
  TensorWalk(const InputFile& file, size_t nodes, Visit visit)
      : file_(file), left_(nodes * kMaxUses), visit_(std::move(visit)) {}

  void walk(const PickleNode& value, const std::string& name, int depth = 0) {
    if (depth > kMaxDepth || left_-- == 0) {
      refuse(file_, fmt::format("{}: nested too deeply for a model", name));
    }
    if (value.kind == Kind::kTensor) return visit_(name, *value.tensor);
    if (value.kind == Kind::kObject && value.state) return walk(*value.state, name, depth + 1);
    if (value.kind != Kind::kDict) return;
    for (size_t i = 0; i + 1 < value.items.size(); i += 2) {
      if (value.items[i]->kind == Kind::kText) {
        walk(*value.items[i + 1], child_name(name, value.items[i]->text), depth + 1);
      }
    }
  }

 private:
  static constexpr int kMaxDepth = 64;
  static constexpr size_t kMaxUses = 16;  // of one value, on average
  static constexpr size_t kMaxName = 1024;

  std::string child_name(const std::string& name, const std::string& key) const {
    if (!is_utf8(key)) refuse(file_, fmt::format("{}: holds a name that is not UTF-8", name));
    if (name.size() + key.size() > kMaxName) {
      refuse(file_,
             fmt::format("{}...: a name of more than {} bytes", key.substr(0, 40), kMaxName));
    }
    return name.empty() ? key : name + "." + key;
  }

  const InputFile& file_;
  size_t left_;
  Visit visit_;
};

// A module's object or a dictionary, and nothing else.
Format format_of(const InputFile& file, const PickleNode& top) {
  if (top.kind == Kind::kObject) return Format::kTorchScript;
  if (top.kind != Kind::kDict) {
    refuse(file, "holds a single value, expected a dictionary of tensors (a state_dict())");
  }
  return Format::kStateDict;
}

}  // namespace

Archive read_archive(const InputFile& file) {
  Archive archive;
  archive.members = read_zip_directory(file);
  archive.root = find_root(file, archive);
  require_little_endian(file, archive);
  const PickleTree tree = read_pickle(read_stored(file, archive, "data.pkl"), file.path().string());
  archive.format = format_of(file, *tree.top);
  std::set<std::string> names;
  TensorWalk(file, tree.nodes.size(), [&](const std::string& name, const PickledTensor& view) {
    if (name.empty()) refuse(file, "a tensor has no name");
    if (!names.insert(name).second) refuse(file, fmt::format("{} appears twice", name));
    archive.tensors.push_back({view, place_tensor(file, archive, name, view)});
  }).walk(*tree.top, "");
  if (archive.tensors.empty()) refuse(file, "no tensors in it");
  return archive;
}

}  // namespace isomerge
