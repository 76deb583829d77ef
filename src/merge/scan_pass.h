// merge/scan_pass.h -- one pass of element-wise rules over all entries, before anything is merged.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "merge/rule.h"

namespace isomerge {

// Pass `scan` of all points whose rules have so many. Both have to outlive this object.
class ScanPass {
 public:
  ScanPass(const std::vector<MergePoint>& points, int scan) : points_(points), scan_(scan) {}

  // Lets every point that scans see its block of some entries. Called by several threads; each
  // borrows states, so that there are never more of them than threads.
  void fold(const std::function<Block(size_t point)>& block);

  // After all blocks: hands each rule what was gathered.
  void finish();

 private:
  using States = std::vector<std::unique_ptr<ScanState>>;  // by point; empty: no such pass

  States start() const;

  const std::vector<MergePoint>& points_;
  int scan_;
  std::mutex mutex_;
  std::vector<States> idle_;
};

// The most passes that a point needs; known after ElementwiseRule::prepare().
int most_scans(const std::vector<MergePoint>& points);

}  // namespace isomerge
