#include "merge/magnitude_selection.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "merge/run_rule.h"
#include "support/random_tensors.h"

namespace isomerge {
namespace {

// The thresholds of tensor `name` after all passes.
Entries thresholds(double keep, bool is_per_tensor, const RuleModel& model, const std::string& name,
                   const RuleCut& cut) {
  const std::vector<std::string> tasks(model.begin()->second.size(), "a");
  MagnitudeSelection selection(keep, is_per_tensor);
  selection.prepare(cut.dtype);
  for (int scan = 0; scan < selection.scans(); ++scan) {
    selection.finish_scan(
        scan, *scan_model(model, tasks, cut, [&] { return selection.start_scan(scan); }));
  }
  return selection.thresholds({name, cut.dtype, {}});
}

// The same by sorting.
double sorted_threshold(double keep, Entries entries, at::ScalarType dtype) {
  for (double& x : entries) {
    x = std::abs(dtype == at::kFloat ? static_cast<double>(static_cast<float>(x)) : x);
  }
  std::sort(entries.begin(), entries.end());
  const size_t rank =
      entries.size() - static_cast<size_t>(std::floor(keep * static_cast<double>(entries.size())));
  return rank == 0 ? 0.0 : entries[rank - 1];
}

Entries random_entries(size_t count, uint64_t seed) {
  const at::Tensor values = random_tensor({static_cast<int64_t>(count)}, seed);
  const double* const data = values.const_data_ptr<double>();
  return {data, data + count};
}

// Numbers whose bit patterns agree down to different places, of both signs and all sizes.
RuleModel varied_model() {
  RuleModel model{{"v", {random_entries(501, 1), random_entries(501, 2)}},
                  {"w", {random_entries(90, 3), random_entries(90, 4)}}};
  Entries& near = model["w"][0];
  for (size_t i = 0; i < 40; ++i) near[i] = 1.0 + 0x1p-22 * static_cast<double>(i % 7);
  for (size_t i = 40; i < 50; ++i) near[i] = -std::numeric_limits<float>::denorm_min();
  near[50] = std::numeric_limits<float>::max();
  near[51] = 0.0;
  near[52] = -0.0;
  return model;
}

TEST(MagnitudeSelection, FindsWhatSortingFinds) {
  const RuleModel model = varied_model();
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    for (const double keep : {0.0, 0.001, 0.2, 0.5, 0.77, 0.999, 1.0}) {
      for (size_t t = 0; t < 2; ++t) {
        const Entries &v = model.at("v")[t], &w = model.at("w")[t];
        Entries all = v;
        all.insert(all.end(), w.begin(), w.end());
        EXPECT_EQ(thresholds(keep, false, model, "v", {dtype})[t],
                  sorted_threshold(keep, all, dtype));
        EXPECT_EQ(thresholds(keep, true, model, "v", {dtype})[t], sorted_threshold(keep, v, dtype));
        EXPECT_EQ(thresholds(keep, true, model, "w", {dtype})[t], sorted_threshold(keep, w, dtype));
      }
    }
  }
}

TEST(MagnitudeSelection, DoesNotDependOnBlocksOrThreads) {
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    for (const bool is_per_tensor : {false, true}) {
      const Entries want = thresholds(0.3, is_per_tensor, varied_model(), "w", {dtype});
      for (const RuleCut& cut : other_cuts(dtype)) {
        EXPECT_EQ(thresholds(0.3, is_per_tensor, varied_model(), "w", cut), want) << cut.block;
      }
    }
  }
}

TEST(MagnitudeSelection, TakesAsManyPassesAsItsHeaderSays) {
  const auto scans = [](bool is_per_tensor, at::ScalarType dtype) {
    MagnitudeSelection selection(0.2, is_per_tensor);
    selection.prepare(dtype);
    return selection.scans();
  };
  EXPECT_EQ(scans(false, at::kFloat), 2);
  EXPECT_EQ(scans(true, at::kFloat), 4);
  EXPECT_EQ(scans(false, at::kDouble), 4);
  EXPECT_EQ(scans(true, at::kDouble), 8);
}

// Twenty zeros of 25: the share of 0.5 reaches into them.
TEST(MagnitudeSelection, IsZeroWhereZerosReachTheShare) {
  Entries entries(25, 0.0);
  std::fill(entries.begin(), entries.begin() + 5, 3.0);
  EXPECT_EQ(thresholds(0.5, false, {{"w", {entries}}}, "w", {}), Entries{0.0});
  EXPECT_EQ(thresholds(0.19, false, {{"w", {entries}}}, "w", {}), Entries{3.0});
  EXPECT_EQ(thresholds(0.2, false, {{"w", {entries}}}, "w", {}), Entries{0.0});
}

}  // namespace
}  // namespace isomerge
