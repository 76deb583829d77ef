#include "eval/interference.h"

#include <numeric>
#include <vector>

#include <ATen/TensorOperators.h>
#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {

double mean_feature_distance(const Encoder& a, const Encoder& b, const ImageSet& set,
                             const std::string& split, const EvaluationOptions& options) {
  std::vector<double> distances(static_cast<size_t>(set.require_split(split).size()));
  for_each_batch(set, split, options, [&](const Batch& batch) {
    const at::Tensor of_a = a.encode(batch.images), of_b = b.encode(batch.images);
    if (of_a.size(1) != of_b.size(1)) {
      throw input_error(fmt::format("{} gives {} features, {} gives {}", a.path().string(),
                                    of_a.size(1), b.path().string(), of_b.size(1)));
    }
    const at::Tensor means = (of_a.to(at::kDouble) - of_b).abs().mean(1);
    for (int64_t i = 0; i < means.numel(); ++i) {
      distances[static_cast<size_t>(batch.first + i)] = means[i].item<double>();
    }
  });
  return std::accumulate(distances.begin(), distances.end(), 0.0) /
         static_cast<double>(distances.size());
}

}  // namespace isomerge
