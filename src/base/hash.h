// base/hash.h -- XXH3-128 content hashes, written as 32 lower-case hexadecimal digits.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace isomerge {

// Incremental hash of a byte stream. Not cryptographic: it tells files apart, it proves nothing.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) = delete;
  Hasher(const Hasher&) = delete;

  Hasher& update(const void* data, size_t bytes);
  Hasher& update(std::string_view text) { return update(text.data(), text.size()); }
  std::string digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string hash_text(std::string_view text);

// Hash of a file's bytes, read in pieces. Throws Error(kInput) if it cannot be opened,
// Error(kMachine) on an I/O error.
std::string hash_file(const std::filesystem::path& path);

// One hash for the files of a checkpoint, from theirs in order, one or more: that of a single file
// is its own.
std::string hash_of_files(const std::vector<std::string>& hashes);

}  // namespace isomerge
