// The exporters' skeletons of CLIP's image towers (models/export_clip.py, tests/golden/clip.py)
// with weights bound to them, against what open_clip and transformers themselves compute in fp64.
#include <filesystem>
#include <string>

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "model/encoder.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

class ClipEncoderTest : public testing::TestWithParam<std::string> {
 protected:
  ClipEncoderTest() : weights_(Checkpoint(path(".safetensors")).read_all()) {
    images_ = weights_.at("images");
    features_ = weights_.at("features");
    weights_.erase("images");
    weights_.erase("features");
  }

  static std::filesystem::path path(const std::string& ending) {
    return std::filesystem::path(ISOMERGE_SOURCE_DIR) / "tests/golden" /
           ("clip_" + GetParam() + ending);
  }

  Weights weights_;
  at::Tensor images_, features_;
};

TEST_P(ClipEncoderTest, ASkeletonWithBoundWeightsComputesTheLibrarysFeatures) {
  Encoder encoder(path(".pt"));
  encoder.bind(weights_, "golden");
  const at::Tensor found = encoder.encode(images_);
  ASSERT_EQ(found.sizes(), features_.sizes());
  const at::Tensor largest = at::amax(at::abs(features_));
  const at::Tensor difference = at::amax(at::abs(found.to(at::kDouble) - features_));
  const double relative = (difference / largest).item<double>();
  EXPECT_TRUE(relative <= 1e-6) << relative;
}

TEST_P(ClipEncoderTest, ASkeletonWithoutWeightsIsRefusedRatherThanComputedWith) {
  const Encoder encoder(path(".pt"));
  const std::string message = error_message([&] { encoder.encode(images_); }, Fault::kInput);
  expect_mentions(message,
                  {path(".pt").string(), "its own weights", "NaN", weights_.begin()->first});
}

INSTANTIATE_TEST_SUITE_P(Libraries, ClipEncoderTest, testing::Values("open_clip", "transformers"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace isomerge
