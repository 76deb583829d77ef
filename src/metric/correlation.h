// metric/correlation.h -- how far two lists of values go together.
#pragma once

#include <optional>
#include <vector>

#include "metric/accuracy.h"

namespace isomerge {

// Pearson's product-moment correlation of values that pair up by position, in -1..1. Nothing for
// fewer than two pairs or where a list is constant. Throws Error(kInternal) if lengths differ.
std::optional<double> pearson(const std::vector<double>& x, const std::vector<double>& y);

// Spearman's rank correlation: pearson() of the ranks, equal values sharing their mean rank.
std::optional<double> spearman(const std::vector<double>& x, const std::vector<double>& y);

using Correlation = std::optional<double> (*)(const std::vector<double>&,
                                              const std::vector<double>&);

// 95 % percentile interval of `correlation` by the bootstrap over pairs (kResamples of
// metric/paired.h). Resamples in which it is not defined are drawn again. Nothing for fewer than
// three different pairs, or if it is not defined for all of them. With the handful of points that
// tasks are it is wide, as it should be. The same input gives the same interval.
std::optional<Interval> correlation_interval(const std::vector<double>& x,
                                             const std::vector<double>& y, Correlation correlation);

}  // namespace isomerge
