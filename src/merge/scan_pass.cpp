#include "merge/scan_pass.h"

#include <algorithm>
#include <utility>

namespace isomerge {

ElementwiseRule& scanning_rule(const Rules& rules) {
  return rules.in_coordinates ? *rules.in_coordinates : *rules.other;
}

ScanPass::States ScanPass::start() const {
  States states(points_.size());
  for (size_t p = 0; p < points_.size(); ++p) {
    ElementwiseRule& rule = scanning_rule(points_[p].rules);
    if (scan_ < rule.scans()) states[p] = rule.start_scan(scan_);
  }
  return states;
}

void ScanPass::fold(const std::function<std::optional<Block>(size_t point)>& block) {
  States states;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) states = std::move(idle_.back()), idle_.pop_back();
  }
  if (states.empty()) states = start();
  for (size_t p = 0; p < points_.size(); ++p) {
    if (!states[p]) continue;
    if (const auto own = block(p)) states[p]->fold(*own);
  }
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(states));
}

void ScanPass::finish() {
  const States totals = start();
  for (size_t p = 0; p < points_.size(); ++p) {
    if (!totals[p]) continue;
    for (const States& states : idle_) totals[p]->absorb(*states[p]);
    scanning_rule(points_[p].rules).finish_scan(scan_, *totals[p]);
  }
}

int most_scans(const std::vector<MergePoint>& points) {
  int most = 0;
  for (const MergePoint& point : points) {
    most = std::max(most, scanning_rule(point.rules).scans());
  }
  return most;
}

}  // namespace isomerge
