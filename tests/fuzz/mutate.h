// fuzz/mutate.h -- inputs number 0, 1, 2, ... of a target: damaged copies of its seeds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace isomerge {

// A counter-based generator: draw i of stream (seed, number) depends on these three alone, so that
// one input can be made again without those before it. The mixer is SplitMix64's.
class Draws {
 public:
  Draws(uint64_t seed, uint64_t number);

  uint64_t next();
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : next() % bound; }

 private:
  uint64_t key_, counter_ = 0;
};

// One of `seeds` after one to eight mutations: flipped bits, runs of one byte, truncation, pieces
// of another seed, extreme integers at any offset, pieces doubled or removed. At most 64 KiB.
std::string mutate(const std::vector<std::string>& seeds, uint64_t seed, uint64_t number);

}  // namespace isomerge
