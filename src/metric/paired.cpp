#include "metric/paired.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "base/error.h"
#include "metric/quantile.h"

namespace isomerge {
namespace {

double ratio(int64_t part, int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

// Difference of accuracies in one new sample of a task's examples.
double draw_difference(const PairedCounts& task, std::mt19937_64& generator) {
  const int64_t differing = task.only_first + task.only_second;
  if (differing == 0) return 0.0;
  std::binomial_distribution<int64_t> how_many(task.total, ratio(differing, task.total));
  const int64_t drawn = how_many(generator);
  std::binomial_distribution<int64_t> for_first(drawn, ratio(task.only_first, differing));
  return ratio(2 * for_first(generator) - drawn, task.total);
}

}  // namespace

PairedCounts count_pairs(const std::vector<bool>& first, const std::vector<bool>& second) {
  if (first.size() != second.size()) {
    throw Error(Fault::kInternal,
                fmt::format("pairs of {} and {} outcomes", first.size(), second.size()));
  }
  PairedCounts counts;
  counts.total = static_cast<int64_t>(first.size());
  for (size_t i = 0; i < first.size(); ++i) {
    counts.only_first += first[i] && !second[i] ? 1 : 0;
    counts.only_second += !first[i] && second[i] ? 1 : 0;
  }
  return counts;
}

Difference paired_difference(const std::vector<PairedCounts>& tasks) {
  if (tasks.empty() || std::any_of(tasks.begin(), tasks.end(),
                                   [](const PairedCounts& task) { return task.total == 0; })) {
    throw Error(Fault::kInternal, "difference of two methods on no examples");
  }
  const auto count = static_cast<double>(tasks.size());
  Difference difference;
  for (const PairedCounts& task : tasks) {
    difference.value += ratio(task.only_first - task.only_second, task.total) / count;
  }
  std::mt19937_64 generator(1);
  std::vector<double> resampled;
  for (int i = 0; i < kResamples; ++i) {
    double sum = 0.0;
    for (const PairedCounts& task : tasks) sum += draw_difference(task, generator);
    resampled.push_back(sum / count);
  }
  difference.interval = middle_95(std::move(resampled));
  return difference;
}

}  // namespace isomerge
