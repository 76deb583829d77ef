#include "eval/evaluate.h"

#include <algorithm>
#include <cstdint>

namespace isomerge {

Evaluation evaluate(const Encoder& encoder, const ClassHead& head, const ImageSet& set,
                    const std::string& split, const EvaluationOptions& options) {
  head.require_classes_of(set);
  // Not bool: workers write neighbours at the same time.
  std::vector<uint8_t> right(static_cast<size_t>(set.require_split(split).size()));
  for_each_batch(set, split, options, [&](const Batch& batch) {
    const at::Tensor features = encoder.encode(batch.images);
    head.require_features_of(encoder.path(), features.size(1));
    const std::vector<int64_t> predictions = head.predict(features);
    for (size_t i = 0; i < predictions.size(); ++i) {
      right[static_cast<size_t>(batch.first) + i] = predictions[i] == batch.labels[i] ? 1 : 0;
    }
  });
  Evaluation evaluation;
  evaluation.correct.assign(right.begin(), right.end());
  evaluation.accuracy.correct = std::count(right.begin(), right.end(), 1);
  evaluation.accuracy.total = static_cast<int64_t>(right.size());
  return evaluation;
}

}  // namespace isomerge
