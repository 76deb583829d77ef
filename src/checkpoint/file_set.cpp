#include "checkpoint/file_set.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/adapter_config.h"
#include "checkpoint/archive_reader.h"
#include "checkpoint/safetensors_header.h"
#include "checkpoint/shard_index.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

// What a folder is searched for, in this order.
constexpr std::array<const char*, 4> kFolderFiles = {
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
    "pytorch_model.bin.index.json"};

std::string first_bytes(const InputFile& file) {
  std::string bytes(std::min<uint64_t>(file.size(), 9), '\0');
  file.read_at(0, bytes.data(), bytes.size());
  return bytes;
}

// PROTO 2 to 5 begins a pickle. A safetensors file may begin with the same two bytes, the length of
// its header, but its ninth byte opens the header.
bool is_bare_pickle(std::string_view first) {
  return first.size() > 1 && first[0] == '\x80' && first[1] >= 2 && first[1] <= 5 &&
         !(first.size() > 8 && first[8] == '{');
}

void read_file(const InputFile& file, TensorData data, FileSet* set, size_t number) {
  const std::string first = first_bytes(file);
  if (is_bare_pickle(first)) {
    throw input_error(fmt::format(
        "{}: a bare pickle or the torch.save format from before PyTorch 1.6, which cannot be read "
        "without running it. If you trust it, convert it in Python: "
        "torch.save(torch.load(\"{}\", weights_only=True), \"new.pt\")",
        file.path().string(), file.path().filename().string()));
  }
  std::vector<TensorPlace> places;
  if (first.starts_with("PK\x03\x04")) {
    Archive archive = read_archive(file);
    set->format = archive.format;
    for (ArchiveTensor& tensor : archive.tensors) places.push_back(std::move(tensor.place));
  } else {
    SafetensorsHeader header = read_safetensors_header(file, data);
    set->format = Format::kSafetensors;
    set->metadata.merge(header.metadata);  // of equal keys the first shard's
    places = std::move(header.places);
  }
  for (TensorPlace& place : places) {
    place.file = number;
    set->places.push_back(std::move(place));
  }
}

std::vector<InputFile> open_shards(const fs::path& index, const std::vector<std::string>& names) {
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    if (!fs::exists(index.parent_path() / name)) missing.push_back(name);
  }
  if (!missing.empty()) {
    throw input_error(
        fmt::format("{}: {} of its {} files are missing; the download is incomplete:"
                    "\n  {}",
                    index.string(), missing.size(), names.size(), join(missing, "\n  ")));
  }
  std::vector<InputFile> files;
  files.reserve(names.size());
  for (const std::string& name : names) files.emplace_back(index.parent_path() / name);
  return files;
}

// Every tensor lies in the shard that the map names, and nowhere else.
void require_as_mapped(const fs::path& index, const WeightMap& map,
                       const std::vector<std::string>& shards, const FileSet& set) {
  std::map<std::string, std::vector<size_t>> found;
  for (const TensorPlace& place : set.places) found[place.info.name].push_back(place.file);
  std::vector<std::string> faults;
  for (const auto& [name, files] : found) {
    if (files.size() > 1) {
      faults.push_back(
          fmt::format("twice: {}: in {} and {}", name, shards[files[0]], shards[files[1]]));
    } else if (!map.contains(name)) {
      faults.push_back(fmt::format("extra: {}: in {}, not in the index", name, shards[files[0]]));
    } else if (map.at(name) != shards[files[0]]) {
      faults.push_back(fmt::format("misplaced: {}: expected in {}, got it in {}", name,
                                   map.at(name), shards[files[0]]));
    }
  }
  for (const auto& [name, shard] : map) {
    if (!found.contains(name)) faults.push_back(fmt::format("missing: {}: not in {}", name, shard));
  }
  if (faults.empty()) return;
  throw input_error(fmt::format("{} does not describe its files in {} tensors:\n  {}",
                                index.string(), faults.size(), join(faults, "\n  ")));
}

FileSet open_sharded(const fs::path& index, TensorData data) {
  const WeightMap map = read_shard_index(InputFile(index));
  const std::vector<std::string> shards = shards_of(map);
  FileSet set;
  set.files = open_shards(index, shards);
  std::optional<Format> format;
  for (size_t i = 0; i < set.files.size(); ++i) {
    read_file(set.files[i], data, &set, i);
    if (format.value_or(set.format) != set.format) {
      throw input_error(fmt::format("{}: {} is a {}, but {} is a {}", index.string(), shards[0],
                                    format_text(*format), shards[i], format_text(set.format)));
    }
    format = set.format;
  }
  require_as_mapped(index, map, shards, set);
  return set;
}

fs::path find_in_folder(const fs::path& folder) {
  for (const char* name : kFolderFiles) {
    if (fs::exists(folder / name)) return folder / name;
  }
  if (is_adapter(folder)) {
    throw input_error(
        fmt::format("{}: an adapter, which says nothing without its base; `isomerge "
                    "merge --method average --base BASE --expert name={} --out "
                    "model.safetensors` makes a model of both",
                    folder.string(), folder.string()));
  }
  throw input_error(fmt::format("{}: no checkpoint in this folder; looked for {}", folder.string(),
                                fmt::join(kFolderFiles, ", ")));
}

}  // namespace

FileSet open_file_set(const fs::path& path, TensorData data) {
  std::error_code ignored;
  const fs::path file = fs::is_directory(path, ignored) ? find_in_folder(path) : path;
  FileSet set;
  if (file.extension() == ".json") {
    set = open_sharded(file, data);
  } else {
    set.files.emplace_back(file);
    read_file(set.files[0], data, &set, 0);
  }
  std::stable_sort(set.places.begin(), set.places.end(),
                   [](const TensorPlace& a, const TensorPlace& b) {
                     return std::pair(a.file, a.offset) < std::pair(b.file, b.offset);
                   });
  return set;
}

}  // namespace isomerge
