#include "checkpoint/layout.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace isomerge {
namespace {

const Layout kBase{"base.safetensors",
                   {{"visual.proj", at::kFloat, {768, 512}},
                    {"visual.conv1.weight", at::kFloat, {768, 3, 32, 32}},
                    {"position_ids", at::kLong, {50}}}};

TEST(Layout, EqualTensorsInAnyOrderAndFloatingDtypeAreNoDifference) {
  const Layout other{"x",
                     {{"position_ids", at::kLong, {50}},
                      {"visual.conv1.weight", at::kHalf, {768, 3, 32, 32}},
                      {"visual.proj", at::kBFloat16, {768, 512}}}};
  EXPECT_TRUE(layout_differences(kBase, other).empty());
}

TEST(Layout, ReportsMissingExtraAndMisshapedTensorsOfAllFilesAtOnce) {
  const Layout cars{"cars.safetensors",
                    {{"visual.proj", at::kFloat, {512, 768}},
                     {"visual.conv.weight", at::kFloat, {768, 3, 32, 32}},
                     {"position_ids", at::kLong, {50}}}};
  const Layout dtd{"dtd.safetensors",
                   {{"visual.proj", at::kFloat, {768, 512}},
                    {"visual.conv1.weight", at::kFloat, {768, 3, 32, 32}},
                    {"position_ids", at::kFloat, {50}}}};
  const std::string message = error_message([&] { require_same_layout(kBase, {cars, dtd}); });
  expect_mentions(message, {"cars.safetensors differs from base.safetensors in 3 tensors",
                            "shape: visual.proj: expected [768, 512], got [512, 768]",
                            "missing: visual.conv1.weight [768, 3, 32, 32] (nearest: "
                            "\"visual.conv.weight\")",
                            "extra: visual.conv.weight [768, 3, 32, 32]",
                            "dtd.safetensors differs from base.safetensors in 1 tensor:",
                            "dtype: position_ids: expected int64, got fp32"});
}

TEST(Layout, EqualFilesPass) { EXPECT_NO_THROW(require_same_layout(kBase, {kBase, kBase})); }

TEST(TensorInfo, CountsElementsAndBytes) {
  const TensorInfo info{"a", at::kHalf, {3, 5}};
  EXPECT_EQ(info.elements(), 15);
  EXPECT_EQ(info.bytes(), 30u);
  EXPECT_EQ((TensorInfo{"s", at::kDouble, {}}).bytes(), 8u);
}

TEST(TensorInfo, DtypesAreSpelledAsOnTheCommandLine) {
  EXPECT_EQ(dtype_text(at::kFloat), "fp32");
  EXPECT_EQ(dtype_text(at::kDouble), "fp64");
  EXPECT_EQ(dtype_text(at::kHalf), "fp16");
  EXPECT_EQ(dtype_text(at::kBFloat16), "bf16");
  EXPECT_EQ(dtype_text(at::kLong), "int64");
  EXPECT_EQ(dtype_text(at::kByte), "uint8");
  EXPECT_TRUE(is_floating(at::kBFloat16));
  EXPECT_FALSE(is_floating(at::kLong));
}

}  // namespace
}  // namespace isomerge
