// metric/quantile.h -- quantiles of a sample.
#pragma once

#include <vector>

#include "metric/accuracy.h"

namespace isomerge {

// The quantile q in 0..1 of values that are already ascending, linear between neighbours (Hyndman
// and Fan 1996, type 7). Throws Error(kInternal) on an empty list.
double quantile(const std::vector<double>& ascending, double q);

// From the 2.5 % to the 97.5 % quantile: the percentile interval of a bootstrap (Efron 1979).
Interval middle_95(std::vector<double> values);

}  // namespace isomerge
