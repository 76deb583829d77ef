#include "metric/accuracy.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {

double Accuracy::value() const { return total == 0 ? 0.0 : correct / static_cast<double>(total); }

Interval wilson_interval(const Accuracy& accuracy, double z) {
  if (accuracy.total == 0) return {0.0, 1.0};
  const double n = static_cast<double>(accuracy.total);
  const double p = accuracy.value();
  const double centre = p + z * z / (2.0 * n);
  const double reach = z * std::sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));
  const double scale = 1.0 + z * z / n;
  // Exact at the ends, where rounding could leave [0, 1] or miss it by an ulp.
  const double low = accuracy.correct == 0.0 ? 0.0 : (centre - reach) / scale;
  const double high = accuracy.correct == n ? 1.0 : (centre + reach) / scale;
  return {low, high};
}

double mean_accuracy(const std::vector<Accuracy>& accuracies) {
  if (accuracies.empty()) throw Error(Fault::kInternal, "mean of no accuracies");
  double sum = 0.0;
  for (const Accuracy& accuracy : accuracies) sum += accuracy.value();
  return sum / static_cast<double>(accuracies.size());
}

Interval mean_interval(const std::vector<Accuracy>& accuracies, double z) {
  const double mean = mean_accuracy(accuracies);
  double below = 0.0, above = 0.0;
  for (const Accuracy& accuracy : accuracies) {
    const Interval one = wilson_interval(accuracy, z);
    below += (accuracy.value() - one.low) * (accuracy.value() - one.low);
    above += (one.high - accuracy.value()) * (one.high - accuracy.value());
  }
  const double count = static_cast<double>(accuracies.size());
  return {mean - std::sqrt(below) / count, mean + std::sqrt(above) / count};
}

std::optional<double> normalised_accuracy(const Accuracy& merged, const Accuracy& fine_tuned) {
  if (fine_tuned.correct == 0.0) return {};
  return merged.value() / fine_tuned.value();
}

std::optional<double> mean_normalised_accuracy(const std::vector<Accuracy>& merged,
                                               const std::vector<Accuracy>& fine_tuned) {
  if (merged.empty() || merged.size() != fine_tuned.size()) {
    throw Error(Fault::kInternal, fmt::format("normalised accuracy of {} tasks over {} tasks",
                                              merged.size(), fine_tuned.size()));
  }
  double sum = 0.0;
  for (size_t i = 0; i < merged.size(); ++i) {
    const std::optional<double> one = normalised_accuracy(merged[i], fine_tuned[i]);
    if (!one) return {};
    sum += *one;
  }
  return sum / static_cast<double>(merged.size());
}

std::optional<double> accuracy_improvement(const Accuracy& merged, const Accuracy& zero_shot,
                                           const Accuracy& fine_tuned) {
  const double room = fine_tuned.value() - zero_shot.value();
  if (room == 0.0) return {};
  return (merged.value() - zero_shot.value()) / room;
}

}  // namespace isomerge
