#include "metric/quantile.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/error.h"

namespace isomerge {

double quantile(const std::vector<double>& ascending, double q) {
  if (ascending.empty()) throw Error(Fault::kInternal, "quantile of no values");
  const double position = q * static_cast<double>(ascending.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, ascending.size() - 1);
  return std::lerp(ascending[below], ascending[above], position - static_cast<double>(below));
}

Interval middle_95(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {quantile(values, 0.025), quantile(values, 0.975)};
}

}  // namespace isomerge
