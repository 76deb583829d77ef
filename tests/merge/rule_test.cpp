#include "merge/rule.h"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace isomerge {
namespace {

TEST(WithSecondLook, RepeatsDoubtfulResultsByLapack) {
  std::vector<Route> calls;
  bool is_doubtful = true;
  const MatrixRule rule = with_second_look([&](const Factors& factors) {
    calls.push_back(factors.route());
    Merged merged{at::zeros({2, 2}, factors.dtype())};
    merged.findings.is_doubtful = is_doubtful;
    return merged;
  });
  const Update single(at::zeros({2, 2})), wide(at::zeros({2, 2}, at::kDouble));
  const Merged twice = rule(Factors({single}));
  EXPECT_EQ(calls, (std::vector<Route>{Route::kGram, Route::kLapack}));
  EXPECT_TRUE(twice.findings.was_repeated);
  EXPECT_FALSE(rule(Factors({wide})).findings.was_repeated) << "LAPACK it was the first time";
  is_doubtful = false;
  calls.clear();
  EXPECT_FALSE(rule(Factors({single})).findings.was_repeated);
  EXPECT_EQ(calls, std::vector<Route>{Route::kGram});
}

}  // namespace
}  // namespace isomerge
