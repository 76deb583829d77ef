#include "merge/rule.h"

#include <utility>

namespace isomerge {

MatrixRule with_second_look(MatrixRule rule) {
  return [rule = std::move(rule)](const Factors& factors) {
    Merged merged = rule(factors);
    if (!merged.findings.is_doubtful || factors.route() == Route::kLapack) return merged;
    merged = rule(factors.by_lapack());
    merged.findings.was_repeated = true;
    return merged;
  };
}

}  // namespace isomerge
