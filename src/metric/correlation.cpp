#include "metric/correlation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "metric/paired.h"
#include "metric/quantile.h"

namespace isomerge {
namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// 1, 2, ... in the order of the values; equal ones get the mean of their places.
std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> out(values.size());
  for (size_t start = 0, end = 0; start < order.size(); start = end) {
    while (end < order.size() && values[order[end]] == values[order[start]]) ++end;
    for (size_t i = start; i < end; ++i) {
      out[order[i]] = static_cast<double>(start + 1 + end) / 2.0;
    }
  }
  return out;
}

}  // namespace

std::optional<double> pearson(const std::vector<double>& x, const std::vector<double>& y) {
  if (x.size() != y.size()) {
    throw Error(Fault::kInternal,
                fmt::format("correlation of {} with {} values", x.size(), y.size()));
  }
  if (x.size() < 2) return {};
  const auto is_constant = [](const std::vector<double>& values) {
    return std::all_of(values.begin(), values.end(),
                       [&](double value) { return value == values.front(); });
  };
  if (is_constant(x) || is_constant(y)) return {};  // rounding could hide it from the sums below
  const double x_mean = mean(x), y_mean = mean(y);
  double xx = 0.0, yy = 0.0, xy = 0.0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - x_mean) * (x[i] - x_mean);
    yy += (y[i] - y_mean) * (y[i] - y_mean);
    xy += (x[i] - x_mean) * (y[i] - y_mean);
  }
  return std::clamp(xy / (std::sqrt(xx) * std::sqrt(yy)), -1.0, 1.0);
}

std::optional<double> spearman(const std::vector<double>& x, const std::vector<double>& y) {
  return pearson(ranks(x), ranks(y));
}

std::optional<Interval> correlation_interval(const std::vector<double>& x,
                                             const std::vector<double>& y,
                                             Correlation correlation) {
  if (!correlation(x, y)) return {};
  std::set<std::pair<double, double>> different;
  for (size_t i = 0; i < x.size(); ++i) different.emplace(x[i], y[i]);
  if (different.size() < 3) return {};
  std::mt19937_64 generator(1);
  std::vector<double> resampled, drawn_x(x.size()), drawn_y(x.size());
  while (resampled.size() < kResamples) {
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t pick = generator() % x.size();
      drawn_x[i] = x[pick];
      drawn_y[i] = y[pick];
    }
    if (const auto value = correlation(drawn_x, drawn_y)) resampled.push_back(*value);
  }
  return middle_95(std::move(resampled));
}

}  // namespace isomerge
