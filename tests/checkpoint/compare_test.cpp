#include "checkpoint/compare.h"

#include <cmath>
#include <limits>

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "support/random_tensors.h"

namespace isomerge {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

ValueDifference compare(at::ArrayRef<double> a, at::ArrayRef<double> b) {
  return compare_values("w", at::tensor(a, at::kDouble), at::tensor(b, at::kDouble));
}

TEST(CompareValues, GivesTheNumbersOfTheirDefinition) {
  const ValueDifference values = compare({1.0, 2.0, 3.5, 0.0}, {1.0, 2.5, 3.0, -0.0});
  EXPECT_EQ(values.entries, 4);
  EXPECT_EQ(values.differing, 2) << "-0 equals 0";
  EXPECT_DOUBLE_EQ(values.max_difference, 0.5);
  EXPECT_DOUBLE_EQ(values.relative, std::sqrt(0.5 / (1.0 + 6.25 + 9.0)));
  EXPECT_EQ(compare({1.0}, {1.0}).relative, 0.0);
  EXPECT_EQ(compare({1.0}, {0.0}).relative, kInf);
  EXPECT_EQ(compare({0.0}, {0.0}).differing, 0);
  EXPECT_EQ(compare_values("w", at::zeros({0, 3}), at::zeros({0, 3})).differing, 0);
}

TEST(CompareValues, NaNEqualsNaNAndIsCountedWhereItStandsAlone) {
  const ValueDifference values = compare({kNan, kNan, 1.0, 4.0}, {kNan, 1.0, kNan, 3.0});
  EXPECT_EQ(values.differing, 3);
  EXPECT_EQ(values.one_sided_nan, 2);
  EXPECT_DOUBLE_EQ(values.max_difference, 1.0);
  EXPECT_DOUBLE_EQ(values.relative, std::sqrt(1.0 / 10.0));
}

TEST(CompareValues, EqualInfinitiesAreEqualAndOthersInfinitelyFar) {
  EXPECT_EQ(compare({kInf, -kInf}, {kInf, -kInf}).differing, 0);
  for (const double other : {1.0, -kInf}) {
    const ValueDifference values = compare({kInf, 1.0}, {other, 1.0});
    EXPECT_EQ(values.differing, 1);
    EXPECT_EQ(values.max_difference, kInf);
    EXPECT_EQ(values.relative, kInf);
  }
}

TEST(CompareValues, IntegersAreToldApartWhereFloat64CannotAndNeverOverflow) {
  const int64_t large = (int64_t{1} << 53) + 1;
  const ValueDifference values =
      compare_values("w", at::tensor({large, INT64_MAX}), at::tensor({large - 1, INT64_MIN}));
  EXPECT_EQ(values.differing, 2);
  EXPECT_DOUBLE_EQ(values.max_difference, 0x1p64);
}

TEST(CompareValues, GoesThroughAllBlocksAndMixedDtypes) {
  const at::Tensor a = random_tensor({3, (1 << 20) / 2 + 7}, 1).to(at::kFloat);
  at::Tensor b = a.clone();
  b[2][9] = 100.0;
  b[0][0] = -100.0;
  const ValueDifference values = compare_values("w", a, b);
  EXPECT_EQ(values.differing, 2);
  EXPECT_NEAR(values.relative, relative_error(a, b), 1e-9);
  EXPECT_EQ(compare_values("w", at::full({2}, 3, at::kLong), at::full({2}, 3.0)).differing, 0);
}

}  // namespace
}  // namespace isomerge
