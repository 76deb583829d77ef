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
  int64_t differing = 0;  // examples of the ways not yet drawn
  for (const auto& [difference, count] : task.differing) differing += count;
  if (differing == 0) return 0.0;
  std::binomial_distribution<int64_t> how_many(task.total, ratio(differing, task.total));
  int64_t drawn = how_many(generator);
  double sum = 0.0;
  for (const auto& [difference, count] : task.differing) {
    std::binomial_distribution<int64_t> this_way(drawn, ratio(count, differing));
    const int64_t of_this = count == differing ? drawn : this_way(generator);
    sum += static_cast<double>(difference) * static_cast<double>(of_this);
    drawn -= of_this;
    differing -= count;
  }
  return sum / static_cast<double>(task.total);
}

}  // namespace

PairedCounts count_pairs(const std::vector<float>& first, const std::vector<float>& second) {
  if (first.size() != second.size()) {
    throw Error(Fault::kInternal,
                fmt::format("pairs of {} and {} outcomes", first.size(), second.size()));
  }
  PairedCounts counts;
  counts.total = static_cast<int64_t>(first.size());
  for (size_t i = 0; i < first.size(); ++i) {
    if (first[i] != second[i]) ++counts.differing[first[i] - second[i]];
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
    double sum = 0.0;
    for (const auto& [value, examples] : task.differing) {
      sum += static_cast<double>(value) * static_cast<double>(examples);
    }
    difference.value += sum / static_cast<double>(task.total) / count;
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
