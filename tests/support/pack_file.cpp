#include "support/pack_file.h"

#include <stdexcept>

#include <fmt/format.h>

#include "base/hash.h"

namespace isomerge {
namespace {

uint64_t round_up(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "\"" : ", \"") + text + "\"";
  return "[" + list + "]";
}

// The header text for a payload that begins at byte `start`.
std::string header_text(const PackFile& pack, uint64_t start, const std::string& checksum) {
  const auto images = static_cast<uint64_t>(pack.count * pack.channels * pack.height * pack.width);
  std::string splits;
  for (const auto& [name, range] : pack.splits) {
    splits += fmt::format("{}\"{}\": [{}, {}]", splits.empty() ? "" : ", ", name, range.first,
                          range.second);
  }
  std::string text = fmt::format(
      R"({{"name": "{}", "classes": {}, "count": {}, "channels": {}, "height": {}, "width": {}, )"
      R"("splits": {{{}}}, "images": {{"offset": {}, "bytes": {}}}, )"
      R"("labels": {{"offset": {}, "bytes": {}}}, "checksum": "{}", )"
      R"("provenance": {{"source": "made", "licence": "MIT", "description": "for tests"}}}})",
      pack.name, quoted_list(pack.classes), pack.count, pack.channels, pack.height, pack.width,
      splits, start, images, start + round_up(images), 2 * pack.count, checksum);
  return text;
}

std::string little_endian(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

}  // namespace

std::string pack_header_bytes(const PackFile& pack, const std::string& checksum) {
  const auto end = [&](uint64_t start) {
    constexpr uint64_t kRoomForEdits = 192;
    return round_up(16 + header_text(pack, start, checksum).size() + kRoomForEdits);
  };
  uint64_t start = 0;  // its digits stand in the text: repeat until the length is stable
  while (end(start) != start) start = end(start);
  std::string text = header_text(pack, start, checksum);
  for (const auto& [from, to] : pack.edits) {
    for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
      text.replace(at, from.size(), to);
    }
  }
  if (text.size() > start - 16) throw std::logic_error("the edits do not fit");
  text.resize(start - 16, ' ');
  return "ISOPACK1" + little_endian(text.size(), 8) + text;
}

std::string PackFile::bytes() const {
  std::string payload(images.begin(), images.end());
  const auto wanted = static_cast<size_t>(count * channels * height * width);
  for (size_t i = 0; images.empty() && i < wanted; ++i) payload += static_cast<char>(7 * i + 1);
  payload.resize(round_up(payload.size()), '\0');
  for (const uint16_t label : labels) payload += little_endian(label, 2);
  for (size_t i = 0; labels.empty() && i < static_cast<size_t>(count); ++i) {
    payload += little_endian(i % classes.size(), 2);
  }
  return pack_header_bytes(*this, hash_text(payload)) + payload;
}

}  // namespace isomerge
