#include "analysis/spectrum.h"

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace isomerge {
namespace {

const at::Tensor kValues = at::tensor({5.0, 3.0, 1.0}, at::kDouble);

TEST(InterpolatedSpectrum, GoesFromTheSpectrumToItsMean) {
  EXPECT_TRUE(interpolated_spectrum(kValues, 0.0).equal(kValues));
  EXPECT_TRUE(interpolated_spectrum(kValues, 0.5).equal(at::tensor({4.0, 3.0, 2.0}, at::kDouble)));
  EXPECT_TRUE(interpolated_spectrum(kValues, 1.0).equal(at::tensor({3.0, 3.0, 3.0}, at::kDouble)));
  EXPECT_EQ(interpolated_spectrum(at::zeros({0}, at::kDouble), 0.5).numel(), 0);
}

TEST(Truncation, HasTheEnergyOfWhatIsKeptAndTheNormOfWhatIsLeft) {
  const Truncation one = truncation(at::tensor({2.0, 1.0, 1.0, 1.0, 1.0}, at::kDouble), 1);
  EXPECT_DOUBLE_EQ(one.energy, 0.5);
  EXPECT_DOUBLE_EQ(one.relative_error, std::sqrt(0.5));
  EXPECT_DOUBLE_EQ(truncation(kValues, 0).energy, 0.0);
  EXPECT_DOUBLE_EQ(truncation(kValues, 0).relative_error, 1.0);
  EXPECT_DOUBLE_EQ(truncation(kValues, 3).energy, 1.0);
  EXPECT_DOUBLE_EQ(truncation(kValues, 3).relative_error, 0.0);
}

TEST(Truncation, OfNothingLosesNothing) {
  EXPECT_DOUBLE_EQ(truncation(at::zeros({2}, at::kDouble), 0).energy, 1.0);
  EXPECT_DOUBLE_EQ(truncation(at::zeros({2}, at::kDouble), 0).relative_error, 0.0);
}

}  // namespace
}  // namespace isomerge
