// eval/evaluate.h -- encoder + head + split of a pack -> which examples are right.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dataset/batch_loader.h"
#include "dataset/pack.h"
#include "eval/head.h"
#include "metric/accuracy.h"
#include "model/encoder.h"

namespace isomerge {

struct Evaluation {
  std::vector<bool> correct;  // one entry per example of the split, in the pack's order
  Accuracy accuracy;          // the number of true ones, and of all
};

struct EvaluationOptions {
  Normalisation normalisation;
  int64_t batch_size = kDefaultBatchSize;
  int threads = 1;  // workers, one batch each at a time, each on one core
  // Told how many more examples are done after every batch; calls come one at a time, from workers.
  std::function<void(int64_t examples)> on_progress;
};

// Predicts every example of the split and compares with its label. The pack's checksum is verified
// first. The result is the same for any number of threads; another batch size may round
// differently. throws  Error(kInput): unknown split, checksum, head and pack or head and encoder do
// not fit, and
//         what encode() and predict() throw, with the examples it happened at; threads < 1.
//         Error(kInterrupted) after the batches at hand, when a signal came.
Evaluation evaluate(const Encoder& encoder, const ClassHead& head, const Pack& pack,
                    const std::string& split, const EvaluationOptions& options);

}  // namespace isomerge
