#include "support/pickle_bytes.h"

#include <cstring>

namespace isomerge {
namespace {

template <typename T>
std::string little(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

}  // namespace

PickleBytes& PickleBytes::raw(const std::string& bytes) {
  bytes_ += bytes;
  return *this;
}

PickleBytes& PickleBytes::text(const std::string& text) {
  return raw("X" + little(static_cast<uint32_t>(text.size())) + text);
}

PickleBytes& PickleBytes::integer(int64_t value) { return raw("\x8a\x08" + little(value)); }

PickleBytes& PickleBytes::global(const std::string& module, const std::string& name) {
  return raw("c" + module + "\n" + name + "\n");
}

PickleBytes& PickleBytes::integers(const std::vector<int64_t>& values) {
  raw("(");
  for (const int64_t value : values) integer(value);
  return raw("t");
}

PickleBytes& PickleBytes::storage(const std::string& type, const std::string& key,
                                  int64_t elements) {
  const size_t dot = type.rfind('.');
  raw("(").text("storage");
  global(dot == std::string::npos ? "torch" : type.substr(0, dot), type.substr(dot + 1));
  return text(key).text("cpu").integer(elements).raw("tQ");
}

PickleBytes& PickleBytes::tensor(const std::string& type, const std::string& key, int64_t elements,
                                 int64_t offset, const std::vector<int64_t>& shape,
                                 const std::vector<int64_t>& strides) {
  global("torch._utils", "_rebuild_tensor_v2").raw("(").storage(type, key, elements);
  integer(offset).integers(shape).integers(strides).raw("\x89");
  return global("collections", "OrderedDict").raw(")RtR");
}

std::string zip_bytes(const std::vector<ZipEntry>& entries, bool overlapping) {
  std::string body, directory;
  for (size_t i = 0; i < entries.size(); ++i) {
    const ZipEntry& entry = entries[i];
    const size_t local = overlapping && i == 1 ? 0 : body.size();
    const auto packed = static_cast<uint32_t>(entry.data.size());
    const std::string sizes =
        little(packed) + little(entry.claimed_size != 0 ? entry.claimed_size : packed);
    const std::string name_bytes = little(static_cast<uint16_t>(entry.name.size()));
    const std::string shared = std::string("\x14\0\0\0", 4) + little(entry.method) +
                               std::string(8, '\0') + sizes + name_bytes + std::string(2, '\0');
    body += "PK\x03\x04" + shared + entry.name + entry.data;
    directory += "PK\x01\x02" + std::string("\x14\0", 2) + shared + std::string(10, '\0') +
                 little(static_cast<uint32_t>(local)) + entry.name;
  }
  const auto count = little(static_cast<uint16_t>(entries.size()));
  return body + directory + "PK\x05\x06" + std::string(4, '\0') + count + count +
         little(static_cast<uint32_t>(directory.size())) +
         little(static_cast<uint32_t>(body.size())) + std::string(2, '\0');
}

std::string state_dict_bytes(const std::string& pickle, const std::vector<std::string>& storages) {
  std::vector<ZipEntry> entries{{"archive/data.pkl", pickle}, {"archive/byteorder", "little"}};
  for (size_t i = 0; i < storages.size(); ++i) {
    entries.push_back({"archive/data/" + std::to_string(i), storages[i]});
  }
  return zip_bytes(entries);
}

}  // namespace isomerge
