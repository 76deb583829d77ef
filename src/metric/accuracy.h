// metric/accuracy.h -- accuracies, their intervals, and what papers derive from them. All in 0..1.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace isomerge {

struct Accuracy {
  double correct = 0.0;  // answers, each counted as far as it is right
  int64_t total = 0;

  double value() const;  // correct / total; 0 if there are no examples
  bool operator==(const Accuracy&) const = default;
};

struct Interval {
  double low = 0.0;
  double high = 1.0;
};

constexpr double kZ95 = 1.959963984540054;  // two-sided 95 % of the normal distribution

// Wilson's score interval of a proportion (Wilson 1927). Without examples: [0, 1]. Of answers that
// can be right in part it is too wide: their variance is below p (1 - p).
Interval wilson_interval(const Accuracy& accuracy, double z = kZ95);

// Mean over tasks, each task with the same weight. Throws Error(kInternal) on an empty list.
double mean_accuracy(const std::vector<Accuracy>& accuracies);

// Interval of mean_accuracy() from the Wilson limits of each task by the method of variance
// estimates recovery (Zou and Donner 2008): mean -+ sqrt(sum((value - limit)^2)) / T. Tasks are
// independent; what varies is the sample of examples, not training.
Interval mean_interval(const std::vector<Accuracy>& accuracies, double z = kZ95);

// Merged over single-task accuracy, both of the same split. Nothing if the latter is 0.
std::optional<double> normalised_accuracy(const Accuracy& merged, const Accuracy& fine_tuned);

// Mean over tasks of normalised_accuracy() (arXiv:2502.04959); the lists pair up by position.
// Nothing if one of them has none. Throws Error(kInternal) if lengths differ or are 0.
std::optional<double> mean_normalised_accuracy(const std::vector<Accuracy>& merged,
                                               const std::vector<Accuracy>& fine_tuned);

// Normalised accuracy improvement of one task: (merged - zero_shot) / (fine_tuned - zero_shot),
// Eq. 4 of arXiv:2502.04959. Nothing if fine-tuning changed nothing.
std::optional<double> accuracy_improvement(const Accuracy& merged, const Accuracy& zero_shot,
                                           const Accuracy& fine_tuned);

}  // namespace isomerge
