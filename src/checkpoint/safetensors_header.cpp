#include "checkpoint/safetensors_header.h"

#include <algorithm>
#include <array>
#include <bit>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/json_check.h"

namespace isomerge {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are stored little-endian");

using Json = nlohmann::json;

constexpr uint64_t kMaxHeader = 100'000'000;  // the format's own limit

struct DtypeName {
  const char* text;
  at::ScalarType dtype;
};
constexpr std::array<DtypeName, 10> kDtypes{{{"F64", at::kDouble},
                                             {"F32", at::kFloat},
                                             {"F16", at::kHalf},
                                             {"BF16", at::kBFloat16},
                                             {"I64", at::kLong},
                                             {"I32", at::kInt},
                                             {"I16", at::kShort},
                                             {"I8", at::kChar},
                                             {"U8", at::kByte},
                                             {"BOOL", at::kBool}}};

[[noreturn]] void refuse(const InputFile& file, const std::string& fact) {
  throw input_error(
      fmt::format("{}: not a valid safetensors file: {}", file.path().string(), fact));
}

// Objects in objects, shapes and offsets in them.
constexpr size_t kMaxDepth = 3;

Json parse_header(const InputFile& file, const std::string& text) {
  if (const auto fault = find_json_fault(text, kMaxDepth)) {
    refuse(file, fmt::format("its header is not a JSON object: {}", *fault));
  }
  Json header = Json::parse(text);
  if (!header.is_object()) refuse(file, "its header is not a JSON object");
  return header;
}

uint64_t as_size(const InputFile& file, const std::string& name, const Json& value) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > INT64_MAX) {
    refuse(file, fmt::format("{}: sizes and offsets must be whole numbers, got {}", name,
                             value.dump().substr(0, 40)));
  }
  return value.get<uint64_t>();
}

at::ScalarType as_dtype(const InputFile& file, const std::string& name, const Json& value) {
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  for (const DtypeName& known : kDtypes) {
    if (text == known.text) return known.dtype;
  }
  refuse(file, fmt::format("{}: unsupported dtype {}", name, text.substr(0, 40)));
}

// One entry, checked by itself. `begin` and `end` are relative to the start of the data.
TensorPlace parse_entry(const InputFile& file, const std::string& name, const Json& entry,
                        uint64_t data_start, TensorData data) {
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") ||
      !entry.contains("shape") || !entry.contains("data_offsets") || !entry["shape"].is_array() ||
      !entry["data_offsets"].is_array() || entry["data_offsets"].size() != 2) {
    refuse(file, fmt::format("{}: expected dtype, shape and data_offsets", name));
  }
  TensorPlace place;
  place.info.name = name;
  place.info.dtype = as_dtype(file, name, entry["dtype"]);
  for (const Json& size : entry["shape"]) {
    place.info.shape.push_back(static_cast<int64_t>(as_size(file, name, size)));
  }
  if (const auto fault = find_shape_fault(place.info.dtype, place.info.shape)) {
    refuse(file, fmt::format("{}: {}", name, *fault));
  }
  const uint64_t bytes = place.info.bytes();
  const uint64_t begin = as_size(file, name, entry["data_offsets"][0]);
  const uint64_t end = as_size(file, name, entry["data_offsets"][1]);
  if (begin > end || end - begin != bytes) {
    refuse(file, fmt::format("{}: {} {} needs {} bytes, but its offsets [{}, {}] hold {}", name,
                             dtype_text(place.info.dtype), shape_text(place.info.shape),
                             with_commas(bytes), begin, end, begin > end ? 0 : end - begin));
  }
  if (data == TensorData::kRequired && end > file.size() - data_start) {
    throw input_error(fmt::format(
        "{}: {}: data ends at byte {} but the file has {} bytes; the download is incomplete",
        file.path().string(), name, with_commas(data_start + end), with_commas(file.size())));
  }
  place.offset = data_start + begin;
  return place;
}

void require_no_overlap_or_hole(const InputFile& file, std::vector<TensorPlace>& places,
                                uint64_t data_start, TensorData data) {
  std::stable_sort(places.begin(), places.end(), [](const TensorPlace& a, const TensorPlace& b) {
    return std::pair(a.offset, a.info.bytes()) < std::pair(b.offset, b.info.bytes());
  });
  uint64_t expected = data_start;
  std::string before = "the header";
  for (const TensorPlace& place : places) {
    if (place.offset < expected) {
      refuse(file, fmt::format("{} and {} overlap", before, place.info.name));
    }
    if (place.offset > expected) {
      refuse(file,
             fmt::format("a hole of {} bytes before {}", place.offset - expected, place.info.name));
    }
    expected += place.info.bytes();
    before = place.info.name;
  }
  const bool is_cut_short = data == TensorData::kMayBeMissing && expected > file.size();
  if (expected != file.size() && !is_cut_short) {
    refuse(file, fmt::format("{} bytes follow the last tensor", file.size() - expected));
  }
}

}  // namespace

SafetensorsHeader read_safetensors_header(const InputFile& file, TensorData data) {
  uint64_t length = 0;
  if (file.size() < sizeof length) {
    refuse(file, fmt::format("{} bytes are too few for a header", file.size()));
  }
  file.read_at(0, &length, sizeof length);
  if (length > kMaxHeader || length > file.size() - sizeof length) {
    refuse(file,
           fmt::format("the header claims {} bytes, the file has {}; it is damaged, cut short "
                       "or in another format",
                       with_commas(length), with_commas(file.size())));
  }
  std::string text(length, '\0');
  file.read_at(sizeof length, text.data(), length);

  const uint64_t data_start = sizeof length + length;
  SafetensorsHeader header;
  const nlohmann::json entries = parse_header(file, text);  // items() refers to it
  for (const auto& [name, entry] : entries.items()) {
    if (name != "__metadata__") {
      header.places.push_back(parse_entry(file, name, entry, data_start, data));
      continue;
    }
    if (!entry.is_object()) refuse(file, "__metadata__ is not an object");
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) refuse(file, fmt::format("metadata \"{}\" is not a text", key));
      header.metadata[key] = value.get<std::string>();
    }
  }
  require_no_overlap_or_hole(file, header.places, data_start, data);
  return header;
}

std::string safetensors_header_text(const std::vector<TensorInfo>& tensors,
                                    const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const TensorInfo& info : tensors) {
    const auto known = std::find_if(kDtypes.begin(), kDtypes.end(),
                                    [&](const DtypeName& d) { return d.dtype == info.dtype; });
    if (info.name == "__metadata__") {
      throw input_error("__metadata__: no tensor of a safetensors file can have this name");
    }
    if (known == kDtypes.end()) {
      throw input_error(
          fmt::format("{}: safetensors cannot hold {}", info.name, dtype_text(info.dtype)));
    }
    header[info.name] = {{"dtype", known->text},
                         {"shape", info.shape},
                         {"data_offsets", {offset, offset + info.bytes()}}};
    offset += info.bytes();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // data starts at a multiple of 8
  return text;
}

}  // namespace isomerge
