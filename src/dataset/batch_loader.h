// dataset/batch_loader.h -- a split of a pack as normalised batches, prepared ahead by a thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "dataset/example_reader.h"
#include "dataset/pack.h"

namespace isomerge {

inline constexpr int64_t kDefaultBatchSize = 32;

// Batch i holds the examples [i * batch_size, min((i + 1) * batch_size, size)) of the split, so
// batches do not depend on who asks for them. One thread prepares at most `ahead` batches that
// nobody has taken yet.
class BatchLoader {
 public:
  // `pack` must outlive the loader.
  // throws  Error(kInput): unknown split, batch_size or ahead < 1, mean or std not finite, std <=
  // 0.
  BatchLoader(const Pack& pack, const std::string& split, const Normalisation& normalisation,
              int64_t batch_size = kDefaultBatchSize, int64_t ahead = 2);

  // Stops the thread after the batch it is at; batches that nobody took are dropped.
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  // The next batch, nothing after the last one. Waits for the thread. May be called from several
  // threads: every batch is given out once. An error of the thread is thrown here, once all batches
  // before it are given out, and again by every later call.
  std::optional<Batch> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace isomerge
