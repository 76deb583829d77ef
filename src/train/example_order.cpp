#include "train/example_order.h"

#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "base/random.h"

namespace isomerge {
namespace {

// Number i of the stream, evenly in -reach .. reach.
int64_t random_shift(uint64_t key, int64_t i, int64_t reach) {
  const auto choices = static_cast<uint64_t>(2 * reach + 1);
  return static_cast<int64_t>(random_below(key, static_cast<uint64_t>(i), choices)) - reach;
}

}  // namespace

std::vector<int64_t> epoch_permutation(int64_t count, uint64_t seed, int64_t epoch) {
  const uint64_t key = random_key(fmt::format("{}/epoch/{}", seed, epoch));
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (size_t i = 0; i + 1 < order.size(); ++i) {
    std::swap(order[i], order[i + random_below(key, i, order.size() - i)]);
  }
  return order;
}

ExampleOrder::ExampleOrder(const Split& split, uint64_t seed, int64_t shift)
    : split_(split), seed_(seed), shift_(shift) {}

std::vector<Example> ExampleOrder::examples(int64_t first, int64_t size) {
  const uint64_t key = random_key(fmt::format("{}/shift", seed_));
  std::vector<Example> out;
  for (int64_t position = first; position < first + size; ++position) {
    if (const int64_t epoch = position / split_.size(); epoch != epoch_) {
      permutation_ = epoch_permutation(split_.size(), seed_, epoch);
      epoch_ = epoch;
    }
    const auto place = static_cast<size_t>(position % split_.size());
    out.push_back({split_.begin + permutation_[place], random_shift(key, 2 * position, shift_),
                   random_shift(key, 2 * position + 1, shift_)});
  }
  return out;
}

}  // namespace isomerge
