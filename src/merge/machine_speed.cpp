#include "merge/machine_speed.h"

#include <algorithm>
#include <cmath>
#include <ctime>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>

#include "base/parallel.h"
#include "linalg/eigen.h"
#include "linalg/product.h"
#include "merge/scan_pass.h"
#include "task/entries.h"
#include "task/expert_file.h"

namespace isomerge {
namespace {

// Of the calling thread alone: what else the machine has to do at the moment does not count.
double thread_seconds() {
  timespec now = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The least of `times` runs.
template <typename Work>
double seconds_of(int times, const Work& work) {
  double least = INFINITY;
  for (int i = 0; i < times; ++i) {
    const double start = thread_seconds();
    work();
    least = std::min(least, thread_seconds() - start);
  }
  return least;
}

double cube(int64_t size) { return std::pow(static_cast<double>(size), 3); }

// Two sizes of everything.
constexpr int64_t kSmall = 192, kLarge = 640;
constexpr int64_t kBlock = int64_t{1} << 17, kMatrix = int64_t{1} << 21, kFile = 4 * kMatrix;

struct Measured {
  double product[2], eigen[2], loading[2], storing[2];
};

double product_seconds(int64_t size) {
  const at::Tensor a = at::rand({size, size}, at::kDouble);
  return seconds_of(3, [&] { multiply(a, a); }) / (2 * cube(size));
}

double eigen_seconds(int64_t size) {
  const at::Tensor g = gram_of_rows(at::rand({size, size}, at::kDouble));
  return seconds_of(size == kSmall ? 2 : 1, [&] { all_eigenpairs(g); }) / cube(size);
}

// Piece by piece of more than the caches hold, as from files.
double loading_seconds(int64_t entries, at::ScalarType stored, at::ScalarType computed) {
  const at::Tensor file = at::full({kFile}, 1.0, stored);
  const at::Tensor base = at::full({entries}, 1.0, computed);
  return seconds_of(2,
                    [&] {
                      for (int64_t first = 0; first < kFile; first += entries) {
                        const at::Tensor read = file.narrow(0, first, entries).clone();
                        stored_hash(read);
                        const at::Tensor update = read.to(computed, false, true).sub(base);
                        all_finite(update);
                      }
                    }) /
         static_cast<double>(kFile);
}

double storing_seconds(int64_t entries, at::ScalarType stored, at::ScalarType computed) {
  const at::Tensor base = at::rand({entries}, at::kFloat).to(computed);
  at::Tensor page;  // of the system's cache
  return seconds_of(3, [&] { page = base.add(base, 0.5).to(stored).clone(); }) /
         static_cast<double>(entries);
}

Measured measure(at::ScalarType stored, at::ScalarType computed) {
  return {{product_seconds(kSmall), product_seconds(kLarge)},
          {eigen_seconds(kSmall), eigen_seconds(kLarge)},
          {loading_seconds(kBlock, stored, computed), loading_seconds(kMatrix, stored, computed)},
          {storing_seconds(kBlock, stored, computed), storing_seconds(kMatrix, stored, computed)}};
}

}  // namespace

double SpeedBySize::at(int64_t size) const {
  const double from = std::log(static_cast<double>(small_));
  const double part = (std::log(static_cast<double>(std::max<int64_t>(size, 1))) - from) /
                      (std::log(static_cast<double>(large_)) - from);
  return at_small_ + std::clamp(part, 0.0, 1.0) * (at_large_ - at_small_);
}

MachineSpeed measure_speed(int threads, at::ScalarType stored, at::ScalarType computed) {
  at::set_num_threads(1);
  std::vector<Measured> all;
  ordered_parallel(
      static_cast<size_t>(threads), threads, [&](size_t) { return measure(stored, computed); },
      [&](size_t, const Measured& one) { all.push_back(one); });
  const auto speed = [&](double(Measured::*kind)[2], int64_t small, int64_t large) {
    double sums[2] = {0.0, 0.0};
    for (const Measured& one : all) {
      for (int i = 0; i < 2; ++i) sums[i] += (one.*kind)[i] / static_cast<double>(all.size());
    }
    return SpeedBySize(small, sums[0], large, sums[1]);
  };
  return {speed(&Measured::product, kSmall, kLarge), speed(&Measured::eigen, kSmall, kLarge),
          speed(&Measured::loading, kBlock, kMatrix), speed(&Measured::storing, kBlock, kMatrix)};
}

ElementwiseSpeed measure_rules(const std::vector<MergePoint>& points,
                               const std::vector<std::string>& tasks, at::ScalarType computed) {
  const TensorInfo info{"sample", at::kFloat, {kBlock}};
  Block block{info, tasks, 0, {}};
  for (size_t t = 0; t < tasks.size(); ++t) {
    block.updates.push_back(at::randn({kBlock}, at::kFloat).mul_(1e-3).to(computed));
  }
  std::vector<std::vector<std::string>> names;
  for (const MergePoint& point : points) {
    names.emplace_back();
    for (const size_t t : point.tasks) names.back().push_back(tasks[t]);
  }
  const auto block_of = [&](size_t p) {
    Block own{info, names[p], 0, {}};
    for (const size_t t : points[p].tasks) own.updates.push_back(block.updates[t]);
    return own;
  };
  ElementwiseSpeed speed;
  for (size_t p = 0; p < points.size(); ++p) points[p].rules.other->prepare(names[p], computed);
  const auto entries = static_cast<double>(kBlock);
  for (size_t p = 0; p < points.size(); ++p) {
    ElementwiseRule& rule = *points[p].rules.other;
    for (int scan = 0; scan < rule.scans(); ++scan) {
      speed.scanning += seconds_of(2, [&] { rule.start_scan(scan)->fold(block_of(p)); }) / entries;
      const auto state = rule.start_scan(scan), total = rule.start_scan(scan);
      state->fold(block_of(p));
      total->absorb(*state);
      rule.finish_scan(scan, *total);
    }
    speed.merging += seconds_of(2, [&] { rule.merge(block_of(p)); }) / entries;
  }
  return speed;
}

}  // namespace isomerge
