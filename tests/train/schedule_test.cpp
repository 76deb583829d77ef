#include "train/schedule.h"

#include <gtest/gtest.h>

namespace isomerge {
namespace {

// Worked by hand: four steps up to 2, then (1 + cos(pi k / 8)) for k = 0 .. 7.
TEST(Schedule, RisesInALineAndFallsAlongHalfACosine) {
  const double want[] = {0.5,        1.0,        1.5, 2.0,        2.0,        1.92387953,
                         1.70710678, 1.38268343, 1.0, 0.61731657, 0.29289322, 0.07612047};
  for (int64_t step = 0; step < 12; ++step) {
    EXPECT_NEAR(scheduled_rate(2.0, step, 4, 12), want[step], 1e-8) << step;
  }
}

TEST(Schedule, WithoutWarmUpStartsAtThePeak) {
  EXPECT_EQ(scheduled_rate(0.3, 0, 0, 10), 0.3);
  EXPECT_NEAR(scheduled_rate(0.3, 5, 0, 10), 0.15, 1e-15);
}

TEST(Schedule, MayConsistOfWarmUpAlone) {
  EXPECT_EQ(scheduled_rate(1.0, 0, 4, 4), 0.25);
  EXPECT_EQ(scheduled_rate(1.0, 3, 4, 4), 1.0);
}

}  // namespace
}  // namespace isomerge
