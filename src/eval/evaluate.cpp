#include "eval/evaluate.h"

#include <cstdint>
#include <numeric>
#include <utility>

namespace isomerge {

Evaluation evaluation_of(std::vector<float> outcomes) {
  const double correct = std::accumulate(outcomes.begin(), outcomes.end(), 0.0);
  const auto total = static_cast<int64_t>(outcomes.size());
  return {std::move(outcomes), {correct, total}};
}

Evaluation evaluate(const Encoder& encoder, const ClassHead& head, const ImageSet& set,
                    const std::string& split, const EvaluationOptions& options) {
  head.require_classes_of(set);
  std::vector<float> right(static_cast<size_t>(set.require_split(split).size()));
  for_each_batch(set, split, options, [&](const Batch& batch) {
    const at::Tensor features = encoder.encode(batch.images);
    head.require_features_of(encoder.path(), features.size(1));
    const std::vector<int64_t> predictions = head.predict(features);
    for (size_t i = 0; i < predictions.size(); ++i) {
      right[static_cast<size_t>(batch.first) + i] = predictions[i] == batch.labels[i] ? 1.0f : 0.0f;
    }
  });
  return evaluation_of(std::move(right));
}

}  // namespace isomerge
