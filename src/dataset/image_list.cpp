#include "dataset/image_list.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"

namespace isomerge {
namespace {

constexpr const char* kFormat = "isomerge image list 1";

std::vector<std::byte> read_bytes(const std::filesystem::path& path) {
  const InputFile file(path);
  std::vector<std::byte> bytes(file.size());
  file.read_at(0, bytes.data(), bytes.size());
  return bytes;
}

}  // namespace

ImageList::ImageList(const std::filesystem::path& path) : path_(path) {
  try {
    read(read_text_file(path));
  } catch (const nlohmann::json::exception& fault) {
    throw input_error(fault.what()).during(path.string() + ": not an image list");
  } catch (const Error& error) {
    throw error.during(path.string());
  }
}

// The list is written by a program: positions of examples say enough, lines of the file would not
// be looked at.
void ImageList::read(const std::string& text) {
  const auto json = nlohmann::ordered_json::parse(text);
  if (json.at("format") != kFormat) {
    throw input_error(
        fmt::format("expected format \"{}\", got {}", kFormat, json.at("format").dump()));
  }
  classes_ = json.at("classes").get<std::vector<std::string>>();
  folder_ = path_.parent_path() / json.at("folder").get<std::string>();
  for (const auto& [name, examples] : json.at("splits").items()) {
    Split split{name, count(), count()};
    for (const auto& example : examples) {
      Entry entry{example.at(0), example.at(1), example.at(2)};
      if (entry.label < 0 || entry.label >= class_count()) {
        throw input_error(fmt::format("split {}: label of {}: expected 0 to {}, got {}", name,
                                      entry.file, class_count() - 1, entry.label));
      }
      entries_.push_back(std::move(entry));
    }
    split.end = count();
    if (split.size() == 0) throw input_error(fmt::format("split {} is empty", name));
    splits_.push_back(std::move(split));
  }
}

Image ImageList::image(int64_t index) const {
  const Entry& wanted = entry(index);
  const std::filesystem::path file = folder_ / wanted.file;
  const std::vector<std::byte> bytes = read_bytes(file);
  const std::string found = Hasher().update(bytes.data(), bytes.size()).digest();
  if (found != wanted.hash) {
    throw input_error(fmt::format(
        "{}: expected an image with hash {} (as in {}), got {}; {}", file.string(), wanted.hash,
        path_.string(), found,
        bytes.empty() ? "the file is empty" : "it was changed or damaged after the list was made"));
  }
  return decode_image(bytes, file.string());
}

}  // namespace isomerge
