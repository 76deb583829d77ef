#include "dataset/pack_header.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {
namespace {

using nlohmann::json;

// One line of at most 80 bytes, for messages.
std::string value_text(const json& value) {
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
  return text.size() <= 80 ? text : text.substr(0, 77) + "...";
}

// Parses text in which no object has a key twice (the parser alone would keep the last).
json parse_strictly(const std::string& label, std::string_view text) {
  std::vector<std::set<std::string>> open_objects;
  const auto watch = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) {
      open_objects.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      open_objects.pop_back();
    } else if (event == json::parse_event_t::key &&
               !open_objects.back().insert(parsed.get<std::string>()).second) {
      throw input_error(fmt::format("{}: header: key {} appears twice", label, value_text(parsed)));
    }
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const json::exception& error) {
    const std::string_view what = error.what();
    throw input_error(fmt::format("{}: the header is not JSON: {}", label,
                                  what.substr(std::min(what.find(']') + 2, what.size()))));
  }
}

// A JSON object of the header, asked for its values by key. `where` is "header" or a path in it.
class Fields {
 public:
  Fields(std::string label, std::string where, const json& object,
         const std::vector<std::string>& keys)
      : label_(std::move(label)), where_(std::move(where)), object_(object) {
    if (!object_.is_object()) fail(fmt::format("expected an object, got {}", value_text(object_)));
    std::vector<std::string> problems;
    for (const auto& [key, value] : object_.items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
        problems.push_back(
            fmt::format("unknown key {}{}", value_text(key), nearest_hint(key, keys)));
      }
    }
    for (const std::string& key : keys) {
      if (!object_.contains(key)) problems.push_back(fmt::format("missing key \"{}\"", key));
    }
    if (!problems.empty()) fail(join(problems, "; "));
  }

  const json& at(const std::string& key) const { return object_.at(key); }

  std::string text(const std::string& key) const {
    if (!at(key).is_string()) expected(key, "a text");
    return at(key).get<std::string>();
  }

  uint64_t number(const std::string& key) const {
    if (!at(key).is_number_unsigned()) expected(key, "a whole number");
    return at(key).get<uint64_t>();
  }

  // A count or a length in pixels.
  int64_t size(const std::string& key) const {
    constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
    const uint64_t value = number(key);
    if (value < 1 || value > kMost) expected(key, "a whole number above 0");
    return static_cast<int64_t>(value);
  }

  void require_number(const std::string& key, uint64_t value) const {
    if (number(key) != value) expected(key, with_commas(value));
  }

  [[noreturn]] void expected(const std::string& key, std::string_view what) const {
    fail(fmt::format("\"{}\": expected {}, got {}", key, what, value_text(at(key))));
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw input_error(fmt::format("{}: {}: {}", label_, where_, what));
  }

 private:
  std::string label_, where_;
  const json& object_;
};

std::vector<std::string> read_classes(const Fields& header) {
  const json& list = header.at("classes");
  // Labels are 16 bits wide.
  if (!list.is_array() || list.empty() || list.size() > 65536) {
    header.expected("classes", "a list of 1 to 65,536 names");
  }
  std::vector<std::string> classes;
  for (const json& name : list) {
    if (!name.is_string()) header.expected("classes", "a list of texts");
    classes.push_back(name.get<std::string>());
  }
  return classes;
}

Split read_split(const std::string& name, const json& range, int64_t count, const Fields& header) {
  const auto whole = [](const json& value) { return value.is_number_unsigned(); };
  if (!range.is_array() || range.size() != 2 || !std::all_of(range.begin(), range.end(), whole)) {
    header.fail(
        fmt::format("split \"{}\": expected [begin, end], got {}", name, value_text(range)));
  }
  const auto begin = range[0].get<uint64_t>(), end = range[1].get<uint64_t>();
  if (begin >= end || end > static_cast<uint64_t>(count)) {
    header.fail(fmt::format("split \"{}\": expected 0 <= begin < end <= {}, got {}", name,
                            with_commas(static_cast<uint64_t>(count)), value_text(range)));
  }
  return {name, static_cast<int64_t>(begin), static_cast<int64_t>(end)};
}

std::vector<Split> read_splits(int64_t count, const Fields& header) {
  const json& object = header.at("splits");
  if (!object.is_object() || object.empty()) {
    header.expected("splits", "an object with at least one split");
  }
  std::vector<Split> splits;
  for (const auto& [name, range] : object.items()) {
    splits.push_back(read_split(name, range, count, header));
  }
  std::sort(splits.begin(), splits.end(),
            [](const Split& a, const Split& b) { return a.begin < b.begin; });
  for (size_t i = 1; i < splits.size(); ++i) {
    const Split &before = splits[i - 1], &after = splits[i];
    if (after.begin < before.end) {
      header.fail(fmt::format("splits \"{}\" [{}, {}) and \"{}\" [{}, {}) overlap", before.name,
                              before.begin, before.end, after.name, after.begin, after.end));
    }
  }
  return splits;
}

std::string read_checksum(const Fields& header) {
  const std::string checksum = header.text("checksum");
  if (checksum.size() != 32 ||
      checksum.find_first_not_of("0123456789abcdef") != std::string::npos) {
    header.expected("checksum", "32 lower-case hexadecimal digits");
  }
  return checksum;
}

// Further notes may stand beside the three that must.
void require_provenance(const Fields& header) {
  const json& notes = header.at("provenance");
  for (const char* key : {"source", "licence", "description"}) {
    if (!notes.is_object() || !notes.contains(key)) {
      header.expected("provenance", fmt::format("an object with the text \"{}\"", key));
    }
  }
  for (const auto& [key, note] : notes.items()) {
    if (!note.is_string()) header.expected("provenance", fmt::format("a text under \"{}\"", key));
  }
}

// The layout has no freedom, so every offset and length is compared with the one that must be.
void require_offsets(const std::string& label, const json& root, const PackLayout& layout) {
  const Fields images(label, "header: images", root.at("images"), {"offset", "bytes"});
  const Fields labels(label, "header: labels", root.at("labels"), {"offset", "bytes"});
  images.require_number("offset", layout.images_offset);
  images.require_number("bytes", layout.images_bytes);
  labels.require_number("offset", layout.labels_offset);
  labels.require_number("bytes", layout.labels_bytes);
}

}  // namespace

PackHeader read_pack_header(const std::string& label, std::span<const std::byte> file) {
  PackHeader pack;
  const json root = parse_strictly(label, pack_header_text(label, file));
  const Fields header(label, "header", root,
                      {"name", "classes", "count", "channels", "height", "width", "splits",
                       "images", "labels", "checksum", "provenance"});
  pack.name = header.text("name");
  pack.classes = read_classes(header);
  pack.count = header.size("count");
  pack.channels = header.size("channels");
  if (pack.channels != 1 && pack.channels != 3) header.expected("channels", "1 or 3");
  pack.height = header.size("height");
  pack.width = header.size("width");
  pack.splits = read_splits(pack.count, header);
  pack.checksum = read_checksum(header);
  require_provenance(header);
  pack.layout =
      require_pack_layout(label, file, {pack.count, pack.channels, pack.height, pack.width});
  require_offsets(label, root, pack.layout);
  return pack;
}

}  // namespace isomerge
