// merge/machine_speed.h -- how fast this machine does the kinds of work that a merge consists of.
#pragma once

#include <cstdint>
#include <vector>

#include "merge/rule.h"

namespace isomerge {

// Seconds per unit of work where it was measured at two sizes; between them on a straight line over
// the size's logarithm, beyond them as at the nearer one.
class SpeedBySize {
 public:
  SpeedBySize(int64_t small, double at_small, int64_t large, double at_large)
      : small_(small), large_(large), at_small_(at_small), at_large_(at_large) {}

  double at(int64_t size) const;

 private:
  int64_t small_, large_;
  double at_small_, at_large_;
};

// All in time of one thread's processor while as many threads as asked for are busy.
struct MachineSpeed {
  SpeedBySize product;  // per flop of an fp64 product, by the short side
  SpeedBySize eigen;    // per r^3 of all eigenpairs, by r
  SpeedBySize loading;  // per entry of one file: read, checked, subtracted; by the entries at once
  SpeedBySize storing;  // per entry: scaled, added to the base and written; likewise
};

// Cost: about half a second.
MachineSpeed measure_speed(int threads, at::ScalarType stored, at::ScalarType computed);

// What the element-wise rules of all points take for a block of as many updates as there are
// `tasks`, of random values.
struct ElementwiseSpeed {
  double scanning = 0.0;  // per entry of all tasks, all passes
  double merging = 0.0;   // per entry of all tasks, all points
};

// Uses the rules up: the passes that they make are over the random values. Not for rules that read
// files of their own. Cost: some milliseconds per point.
ElementwiseSpeed measure_rules(const std::vector<MergePoint>& points,
                               const std::vector<std::string>& tasks, at::ScalarType computed);

}  // namespace isomerge
