// eval/batches.h -- the batches of a split, shared out among workers.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "dataset/batch_loader.h"
#include "dataset/pack.h"

namespace isomerge {

struct EvaluationOptions {
  Normalisation normalisation;
  int64_t batch_size = kDefaultBatchSize;
  int threads = 1;  // workers, one batch each at a time, each on one core
  // Told how many more examples are done after every batch; calls come one at a time, from workers.
  std::function<void(int64_t examples)> on_progress;
};

// Calls work(batch) for every batch of the split, from several threads at once; LibTorch computes
// on one thread each. The pack's checksum is verified first.
// throws  Error(kInput): unknown split, checksum, threads < 1; what `work` throws, with the
//         examples it happened at: of several errors that of the first batch, for any number of
//         threads. Error(kInterrupted) after the batches at hand, when a signal came.
void for_each_batch(const Pack& pack, const std::string& split, const EvaluationOptions& options,
                    const std::function<void(const Batch& batch)>& work);

}  // namespace isomerge
