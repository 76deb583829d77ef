// train/example_order.h -- ExampleOrder: which example comes when, and where its image is moved to.
#pragma once

#include <cstdint>
#include <vector>

#include "dataset/example_reader.h"
#include "dataset/pack_header.h"

namespace isomerge {

// The numbers 0 .. count - 1, every order as likely as any other: Fisher-Yates with the random
// numbers of (seed, epoch). count >= 1.
std::vector<int64_t> epoch_permutation(int64_t count, uint64_t seed, int64_t epoch);

// An endless stream: the split's examples in the permutation of epoch 0, then in that of epoch 1,
// and so on. A batch is the next so many of them and may reach into the next epoch, so that all
// batches have one size. The stream depends on the seed alone, not on what was asked for before.
class ExampleOrder {
 public:
  // shift  every image is moved by up to so many pixels in each direction, evenly; >= 0
  ExampleOrder(const Split& split, uint64_t seed, int64_t shift);

  // Positions [first, first + size) of the stream. Cost: a permutation per epoch entered.
  std::vector<Example> examples(int64_t first, int64_t size);

 private:
  Split split_;
  uint64_t seed_;
  int64_t shift_;
  int64_t epoch_ = -1;
  std::vector<int64_t> permutation_;  // of epoch_
};

}  // namespace isomerge
