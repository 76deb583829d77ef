// merge/scan_pass.h -- one pass of element-wise rules over all entries, before anything is merged.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "merge/rule.h"

namespace isomerge {

// The rule of a point that passes over the entries: of the coordinates of matrices, where it works
// on those, else of everything that is no matrix.
ElementwiseRule& scanning_rule(const Rules& rules);

// Pass `scan` of all points whose rules have so many. Both have to outlive this object.
class ScanPass {
 public:
  ScanPass(const std::vector<MergePoint>& points, int scan) : points_(points), scan_(scan) {}

  // Lets every point that scans see its block of some entries; a point may have none of them.
  // Called by several threads; each borrows states, so that there are never more of them than
  // threads.
  void fold(const std::function<std::optional<Block>(size_t point)>& block);

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
