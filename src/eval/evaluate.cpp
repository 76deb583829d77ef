#include "eval/evaluate.h"

#include <cstdint>
#include <numeric>

namespace isomerge {

Evaluation evaluate(const Encoder& encoder, const ClassHead& head, const ImageSet& set,
                    const std::string& split, const EvaluationOptions& options) {
  head.require_classes_of(set);
  Evaluation evaluation;
  std::vector<float>& right = evaluation.outcomes;
  right.resize(static_cast<size_t>(set.require_split(split).size()));
  for_each_batch(set, split, options, [&](const Batch& batch) {
    const at::Tensor features = encoder.encode(batch.images);
    head.require_features_of(encoder.path(), features.size(1));
    const std::vector<int64_t> predictions = head.predict(features);
    for (size_t i = 0; i < predictions.size(); ++i) {
      right[static_cast<size_t>(batch.first) + i] = predictions[i] == batch.labels[i] ? 1.0f : 0.0f;
    }
  });
  evaluation.accuracy.correct = std::accumulate(right.begin(), right.end(), 0.0);
  evaluation.accuracy.total = static_cast<int64_t>(right.size());
  return evaluation;
}

}  // namespace isomerge
