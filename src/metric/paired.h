// metric/paired.h -- the difference of two methods on the same examples, and whether chance alone
// could have made it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "metric/accuracy.h"

namespace isomerge {

constexpr int kResamples = 2000;  // of every bootstrap in this room

// Two methods on the examples of one task. Where both are right, or both wrong, they do not differ.
struct PairedCounts {
  // The first's outcome minus the second's, where they differ -> how many examples differ so. Of
  // answers that are right or wrong: 1 and -1.
  std::map<float, int64_t, std::greater<>> differing;
  int64_t total = 0;

  bool operator==(const PairedCounts&) const = default;
};

// Per example how right each method is, 0..1. Throws Error(kInternal) if the lengths differ.
PairedCounts count_pairs(const std::vector<float>& first, const std::vector<float>& second);

struct Difference {
  double value = 0.0;  // mean accuracy of the first minus that of the second
  Interval interval;   // 95 %

  bool is_significant() const { return interval.low > 0.0 || interval.high < 0.0; }
};

// Mean over tasks of the difference of two accuracies, with the percentile interval of the paired
// bootstrap: every task's examples are drawn anew with replacement, the same for both methods. What
// varies is the sample of examples, not training. Drawing n examples is drawing how many of them
// differ in each way (a multinomial), so the cost is kResamples draws per task and way, whatever n.
// The same input gives the same interval. Throws Error(kInternal) on an empty list or empty tasks.
Difference paired_difference(const std::vector<PairedCounts>& tasks);

}  // namespace isomerge
