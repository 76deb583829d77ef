#include "checkpoint/zip_directory.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {
namespace {

// Record signatures and fixed sizes, PKWARE APPNOTE 6.3.
constexpr uint32_t kEndSignature = 0x06054b50, kEnd64Signature = 0x06064b50;
constexpr uint32_t kEntrySignature = 0x02014b50, kLocalSignature = 0x04034b50;
constexpr size_t kEndBytes = 22, kLocator64Bytes = 20, kEnd64Bytes = 56;
constexpr size_t kEntryBytes = 46, kLocalBytes = 30, kMaxComment = 65535;

[[noreturn]] void refuse(const InputFile& file, const std::string& fact) {
  throw input_error(fmt::format("{}: not a valid PyTorch archive: {}", file.path().string(), fact));
}

// Little-endian field of a record held in memory; a read past its end is refused.
template <typename T>
T field(const InputFile& file, const std::vector<char>& bytes, size_t at) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T)) refuse(file, "a record is cut short");
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::vector<char> read_piece(const InputFile& file, uint64_t offset, uint64_t bytes) {
  if (offset > file.size() || bytes > file.size() - offset) {
    refuse(file, fmt::format("it needs bytes {} to {} but has {}", with_commas(offset),
                             with_commas(offset + bytes), with_commas(file.size())));
  }
  std::vector<char> piece(bytes);
  file.read_at(offset, piece.data(), bytes);
  return piece;
}

struct Directory {
  uint64_t offset = 0, bytes = 0, entries = 0;
};

Directory find_directory(const InputFile& file) {
  const uint64_t tail_bytes = std::min<uint64_t>(file.size(), kEndBytes + kMaxComment);
  const uint64_t tail_start = file.size() - tail_bytes;
  const std::vector<char> tail = read_piece(file, tail_start, tail_bytes);
  for (size_t at = tail.size() < kEndBytes ? 0 : tail.size() - kEndBytes + 1; at-- > 0;) {
    if (field<uint32_t>(file, tail, at) != kEndSignature) continue;
    Directory found{field<uint32_t>(file, tail, at + 16), field<uint32_t>(file, tail, at + 12),
                    field<uint16_t>(file, tail, at + 10)};
    if (found.offset != UINT32_MAX && found.bytes != UINT32_MAX && found.entries != UINT16_MAX) {
      return found;
    }
    const uint64_t end = tail_start + at;
    if (end < kLocator64Bytes) refuse(file, "its zip64 locator is missing");
    const auto locator = read_piece(file, end - kLocator64Bytes, kLocator64Bytes);
    const auto end64 = read_piece(file, field<uint64_t>(file, locator, 8), kEnd64Bytes);
    if (field<uint32_t>(file, end64, 0) != kEnd64Signature)
      refuse(file, "its zip64 end is missing");
    return {field<uint64_t>(file, end64, 48), field<uint64_t>(file, end64, 40),
            field<uint64_t>(file, end64, 32)};
  }
  refuse(file, "its directory is missing; the download is incomplete");
}

// Replaces fields that say "see the zip64 extra record".
void apply_zip64(const InputFile& file, const std::vector<char>& directory, size_t extra,
                 size_t extra_bytes, uint64_t* size, uint64_t* packed, uint64_t* offset) {
  for (size_t at = extra; at + 4 <= extra + extra_bytes;) {
    const auto id = field<uint16_t>(file, directory, at);
    const auto length = field<uint16_t>(file, directory, at + 2);
    if (id == 1) {
      size_t value = at + 4;
      for (uint64_t* target : {size, packed, offset}) {
        if (*target != UINT32_MAX) continue;
        *target = field<uint64_t>(file, directory, value);
        value += 8;
      }
    }
    at += 4u + length;
  }
}

// The data begin after the local header, whose name and extra field have lengths of their own.
uint64_t data_offset(const InputFile& file, const std::string& name, uint64_t local) {
  const auto header = read_piece(file, local, kLocalBytes);
  if (field<uint32_t>(file, header, 0) != kLocalSignature) {
    refuse(file, fmt::format("\"{}\" is not where the directory says", name));
  }
  return local + kLocalBytes + field<uint16_t>(file, header, 26) +
         field<uint16_t>(file, header, 28);
}

// From a member's local header to the end of its data.
struct Extent {
  uint64_t begin = 0, end = 0;
};

// Members that share bytes are how a small file pretends to be a huge one.
void require_no_overlap(const InputFile& file, std::vector<Extent> extents, uint64_t directory) {
  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
  extents.push_back({directory, directory});
  for (size_t i = 1; i < extents.size(); ++i) {
    if (extents[i].begin < extents[i - 1].end) refuse(file, "its members overlap");
  }
}

}  // namespace

std::map<std::string, ZipMember> read_zip_directory(const InputFile& file) {
  const Directory found = find_directory(file);
  const auto directory = read_piece(file, found.offset, found.bytes);
  std::map<std::string, ZipMember> members;
  std::vector<Extent> extents;
  size_t at = 0;
  for (uint64_t entry = 0; entry < found.entries; ++entry) {
    if (field<uint32_t>(file, directory, at) != kEntrySignature) {
      refuse(file, "its directory is damaged");
    }
    const auto flags = field<uint16_t>(file, directory, at + 8);
    const auto method = field<uint16_t>(file, directory, at + 10);
    uint64_t packed = field<uint32_t>(file, directory, at + 20);
    uint64_t size = field<uint32_t>(file, directory, at + 24);
    const size_t name_bytes = field<uint16_t>(file, directory, at + 28);
    const size_t extra_bytes = field<uint16_t>(file, directory, at + 30);
    const size_t comment_bytes = field<uint16_t>(file, directory, at + 32);
    uint64_t local = field<uint32_t>(file, directory, at + 42);
    if (at + kEntryBytes + name_bytes + extra_bytes > directory.size()) {
      refuse(file, "a record is cut short");
    }
    const std::string name(directory.data() + at + kEntryBytes, name_bytes);
    apply_zip64(file, directory, at + kEntryBytes + name_bytes, extra_bytes, &size, &packed,
                &local);
    const bool is_compressed = method != 0;
    if ((flags & 1) != 0 || (!is_compressed && packed != size)) {
      refuse(file, fmt::format("\"{}\" is encrypted or damaged", name));
    }
    const ZipMember member{data_offset(file, name, local), packed, size, is_compressed};
    if (member.offset > file.size() || member.bytes > file.size() - member.offset) {
      refuse(file, fmt::format("\"{}\" ends beyond the file", name));
    }
    if (!members.emplace(name, member).second) {
      refuse(file, fmt::format("\"{}\" appears twice", name));
    }
    extents.push_back({local, member.offset + member.bytes});
    at += kEntryBytes + name_bytes + extra_bytes + comment_bytes;
  }
  require_no_overlap(file, std::move(extents), found.offset);
  return members;
}

}  // namespace isomerge
