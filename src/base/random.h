// base/random.h -- random numbers by position: the i-th number of a stream depends on (key, i)
// alone, so threads, blocks and restarts do not matter, and every machine has the same ones.
#pragma once

#include <cstdint>
#include <string_view>

namespace isomerge {

// FNV-1a: the key of a stream, from a text that says what its numbers are for ("0/visual.proj/a").
inline uint64_t random_key(std::string_view text) {
  uint64_t key = 0xcbf29ce484222325u;
  for (const char c : text) key = (key ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return key;
}

// 64 random bits: SplitMix64 at position i + 1 of the stream that starts at `key`.
inline uint64_t random_bits(uint64_t key, uint64_t i) {
  uint64_t z = key + (i + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Number i of the stream, uniform in [0, 1): a multiple of 2^-53.
inline double random_uniform(uint64_t key, uint64_t i) {
  return static_cast<double>(random_bits(key, i) >> 11) * 0x1p-53;
}

// Number i of the stream, uniform in [0, bound), bound >= 1. The upper half of a product, which is
// uneven by at most bound / 2^64.
inline uint64_t random_below(uint64_t key, uint64_t i, uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>((static_cast<Wide>(random_bits(key, i)) * bound) >> 64);
}

}  // namespace isomerge
