// eval/batches.h -- the batches of a split, shared out among workers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "dataset/example_reader.h"
#include "dataset/image_set.h"
#include "dataset/preprocessing.h"

namespace isomerge {

inline constexpr int64_t kDefaultBatchSize = 32;

struct EvaluationOptions {
  Preprocessing preprocessing;
  int64_t batch_size = kDefaultBatchSize;
  int threads = 1;  // workers, one batch each at a time, each on one core
  // Told how many more examples are done after every batch; calls come one at a time, from workers.
  std::function<void(int64_t examples)> on_progress;
};

// Calls work(batch) for every batch of the split, from several threads at once, each of which has
// read its batch itself; LibTorch computes on one thread each. Batch i holds the examples
// [i * batch_size, min((i + 1) * batch_size, size)) of the split, whoever takes it.
// throws  Error(kInput): unknown split, checksum, threads or batch_size < 1; what reading and
//         `work` throw, with the examples it happened at: of several errors that of the first
//         batch, for any number of threads. Error(kInterrupted) after the batches at hand, when a
//         signal came. Error(kMachine): no memory for a batch.
void for_each_batch(const ImageSet& set, const std::string& split, const EvaluationOptions& options,
                    const std::function<void(const Batch& batch)>& work);

}  // namespace isomerge
