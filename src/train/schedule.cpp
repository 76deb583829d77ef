#include "train/schedule.h"

#include <cmath>
#include <numbers>

namespace isomerge {

double scheduled_rate(double peak, int64_t step, int64_t warmup, int64_t steps) {
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const double done = static_cast<double>(step - warmup) / static_cast<double>(steps - warmup);
  return peak * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
}

}  // namespace isomerge
