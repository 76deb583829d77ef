#include "base/hash.h"

#include <array>
#include <vector>

#include <fmt/format.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/text.h"

namespace isomerge {

struct Hasher::State {
  XXH3_state_t* xxh = XXH3_createState();
  ~State() { XXH3_freeState(xxh); }
};

Hasher::Hasher() : state_(std::make_unique<State>()) { XXH3_128bits_reset(state_->xxh); }
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;

Hasher& Hasher::update(const void* data, size_t bytes) {
  XXH3_128bits_update(state_->xxh, data, bytes);
  return *this;
}

std::string Hasher::digest() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_->xxh));
  std::string text;
  for (const unsigned char byte : canonical.digest) text += fmt::format("{:02x}", byte);
  return text;
}

std::string hash_text(std::string_view text) { return Hasher().update(text).digest(); }

std::string hash_file(const std::filesystem::path& path) {
  const InputFile file(path);
  Hasher hasher;
  std::vector<std::byte> buffer(1 << 20);
  for (uint64_t offset = 0; offset < file.size();) {
    const size_t bytes =
        static_cast<size_t>(std::min<uint64_t>(buffer.size(), file.size() - offset));
    file.read_at(offset, buffer.data(), bytes);
    hasher.update(buffer.data(), bytes);
    offset += bytes;
  }
  return hasher.digest();
}

std::string hash_of_files(const std::vector<std::string>& hashes) {
  return hashes.size() == 1 ? hashes[0] : hash_text(join(hashes, "\n"));
}

}  // namespace isomerge
