#include "fuzz/mutate.h"

#include <algorithm>
#include <array>

namespace isomerge {
namespace {

constexpr size_t kMaxBytes = 64 << 10;

uint64_t mix(uint64_t value) {
  value += 0x9E3779B97F4A7C15ull;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ull;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBull;
  return value ^ (value >> 31);
}

// Little-endian numbers at the borders of what a reader might compute with.
std::string extreme(Draws& draws) {
  constexpr std::array<uint64_t, 12> kValues = {0,
                                                1,
                                                0x7F,
                                                0xFF,
                                                0xFFFF,
                                                0x7FFFFFFF,
                                                0xFFFFFFFF,
                                                0x100000000,
                                                1ull << 60,
                                                0x7FFFFFFFFFFFFFFF,
                                                0x8000000000000000,
                                                0xFFFFFFFFFFFFFFFF};
  const uint64_t value = kValues[draws.below(kValues.size())] + draws.below(3) - 1;
  const size_t size = size_t{1} << draws.below(4);
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

// The same as text, for JSON.
std::string extreme_text(Draws& draws) {
  constexpr std::array<const char*, 12> kTexts = {"-1",
                                                  "1e99",
                                                  "18446744073709551615",
                                                  "9223372036854775807",
                                                  "null",
                                                  "[]",
                                                  "{}",
                                                  "\"\"",
                                                  "0.5",
                                                  "4611686018427387904",
                                                  "\"a\":1,",
                                                  "[[[["};
  return kTexts[draws.below(kTexts.size())];
}

void overwrite(std::string* bytes, size_t at, const std::string& piece) {
  for (size_t i = 0; i < piece.size() && at + i < bytes->size(); ++i) (*bytes)[at + i] = piece[i];
}

void mutate_once(std::string* bytes, const std::string& other, Draws& draws) {
  if (bytes->empty()) *bytes = other;
  const size_t at = draws.below(bytes->size());
  const size_t length = 1 + draws.below(draws.below(4) == 0 ? bytes->size() : 16);
  switch (draws.below(9)) {
    case 0:
      (*bytes)[at] = static_cast<char>((*bytes)[at] ^ (1 << draws.below(8)));
      break;
    case 1:
      (*bytes)[at] = static_cast<char>(draws.next());
      break;
    case 2:
      overwrite(bytes, at, std::string(length, static_cast<char>(draws.next())));
      break;
    case 3:
      bytes->resize(at);
      break;
    case 4:
      bytes->insert(at, other.substr(draws.below(other.size()), length));
      break;
    case 5:
      overwrite(bytes, at, extreme(draws));
      break;
    case 6:
      bytes->insert(at, bytes->substr(draws.below(bytes->size()), length));
      break;
    case 7:
      bytes->erase(at, length);
      break;
    default:
      bytes->replace(at, std::min(length, bytes->size() - at), extreme_text(draws));
  }
}

}  // namespace

Draws::Draws(uint64_t seed, uint64_t number) : key_(mix(mix(seed) ^ number)) {}

uint64_t Draws::next() { return mix(key_ + counter_++ * 0xD1342543DE82EF95ull); }

std::string mutate(const std::vector<std::string>& seeds, uint64_t seed, uint64_t number) {
  Draws draws(seed, number);
  std::string bytes = seeds[draws.below(seeds.size())];
  const uint64_t count = 1 + draws.below(8);
  for (uint64_t i = 0; i < count; ++i) {
    mutate_once(&bytes, seeds[draws.below(seeds.size())], draws);
    if (bytes.size() > kMaxBytes) bytes.resize(kMaxBytes);
  }
  return bytes;
}

}  // namespace isomerge
