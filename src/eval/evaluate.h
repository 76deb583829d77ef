// eval/evaluate.h -- encoder + head + split of a set -> which examples are right.
#pragma once

#include <string>
#include <vector>

#include "dataset/image_set.h"
#include "eval/batches.h"
#include "eval/head.h"
#include "metric/accuracy.h"
#include "model/encoder.h"

namespace isomerge {

struct Evaluation {
  // How right each answer is, 0..1, in the order of the split; a class is right (1) or wrong (0).
  std::vector<float> outcomes;
  Accuracy accuracy;  // their sum, and their number
};

// With the accuracy of these outcomes.
Evaluation evaluation_of(std::vector<float> outcomes);

// Predicts every example of the split and compares with its label. The result is the same for any
// number of threads; another batch size may round differently. throws  Error(kInput): head and set
// or head and encoder do not fit; what for_each_batch(), encode() and predict() throw.
Evaluation evaluate(const Encoder& encoder, const ClassHead& head, const ImageSet& set,
                    const std::string& split, const EvaluationOptions& options);

}  // namespace isomerge
