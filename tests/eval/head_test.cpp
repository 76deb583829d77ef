#include "eval/head.h"

#include <cmath>
#include <limits>

#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "dataset/pack.h"
#include "support/expect_error.h"
#include "support/pack_file.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

at::Tensor matrix(std::initializer_list<float> values, int64_t rows) {
  return at::tensor(std::vector<float>(values)).view({rows, -1});
}

// Worked by hand: |(3, 4)| = 5, so the direction is (0.6, 0.8).
TEST(ClassHead, LogitsAreTheProductWithTheDirectionOfTheFeature) {
  const ClassHead head(matrix({1, 0, 0, 10, 2, -1}, 3), "heads: shapes");
  const at::Tensor logits = head.logits(matrix({3, 4, -30, -40}, 2));
  ASSERT_EQ(logits.sizes(), (std::vector<int64_t>{2, 3}));
  const std::vector<float> want = {0.6f, 8.0f, 0.4f, -0.6f, -8.0f, -0.4f};
  for (size_t i = 0; i < want.size(); ++i) {  // 1e-6: fp32, values up to 8
    EXPECT_NEAR(logits.const_data_ptr<float>()[i], want[i], 2e-6) << i;
  }
  EXPECT_EQ(head.class_count(), 3);
  EXPECT_EQ(head.feature_size(), 2);
  EXPECT_EQ(head.label(), "heads: shapes");
}

TEST(ClassHead, PredictsTheLargestLogitOfEachRow) {
  const ClassHead head(matrix({1, 0, 0, 1, -1, -1}, 3), "head");
  EXPECT_EQ(head.predict(matrix({5, 1, 1, 5, -2, -2, 2, -1}, 4)),
            (std::vector<int64_t>{0, 1, 2, 0}));
  EXPECT_TRUE(head.predict(at::zeros({0, 2})).empty());
}

TEST(ClassHead, OnTiesTheFirstMaximumWins) {
  const ClassHead head(matrix({0, 1, 1, 0, 1, 0, 1, 0}, 4), "head");  // rows 1, 2 and 3 are equal
  EXPECT_EQ(head.predict(matrix({2, 1}, 1)), (std::vector<int64_t>{1}));
  const ClassHead many(at::ones({397, 2}), "head");
  EXPECT_EQ(many.predict(matrix({2, 1, -1, 5}, 2)), (std::vector<int64_t>{0, 0}));
}

TEST(ClassHead, IsACopyInSinglePrecision) {
  const at::Tensor weight = matrix({1, 0, 0, 1}, 2);
  const ClassHead head(weight, "head"), half(weight.to(at::kHalf), "head");
  weight.zero_();
  EXPECT_EQ(head.predict(matrix({0, 1}, 1)), (std::vector<int64_t>{1}));
  EXPECT_EQ(half.predict(matrix({0, 1}, 1)), (std::vector<int64_t>{1}));
  const ClassHead columns(matrix({1, 2, 3, 4, 5, 6}, 3).t(), "head");  // not contiguous
  EXPECT_FLOAT_EQ(columns.logits(matrix({0, 1, 0}, 1)).const_data_ptr<float>()[1], 4.0f);
}

TEST(ClassHead, RefusesWeightsThatAreNoHead) {
  const auto refusal = [](const at::Tensor& weight) {
    return error_message([&] { ClassHead(weight, "heads.safetensors: cars"); });
  };
  expect_mentions(refusal(at::zeros({3})), {"heads.safetensors: cars: expected", "got fp32 [3]"});
  expect_mentions(refusal(at::zeros({0, 4})), {"got fp32 [0, 4]"});
  expect_mentions(refusal(at::zeros({4, 0})), {"got fp32 [4, 0]"});
  expect_mentions(refusal(at::zeros({2, 2}, at::kLong)), {"got int64 [2, 2]"});
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), HUGE_VALF}) {
    expect_mentions(refusal(matrix({1, bad, 2, 3}, 2)), {"the head has NaN or Inf"});
  }
}

TEST(ClassHead, RefusesAFeatureWithoutDirection) {
  const ClassHead head(at::ones({2, 2}), "head");
  expect_mentions(error_message([&] {
                    head.logits(matrix({1, 1, 0, 0}, 2));
                  }),
                  {"head: feature 1 of the batch has no direction: its norm is 0"});
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), HUGE_VALF, -HUGE_VALF}) {
    expect_mentions(error_message([&] {
                      head.predict(matrix({bad, 1, 1, 1}, 2));
                    }),
                    {"feature 0 of the batch"});
  }
}

TEST(ClassHead, RefusesFeaturesOfAnotherSize) {
  const ClassHead head(at::ones({2, 3}), "head");
  expect_mentions(error_message([&] {
                    head.logits(at::ones({5, 2}));
                  }),
                  {"expected features [B, 3], got [5, 2]"});
  expect_mentions(error_message([&] { head.logits(at::ones({3})); }), {"[B, 3], got [3]"});
}

TEST(ClassHead, NeedsOneRowForEachClassOfThePack) {
  const TemporaryFolder folder;
  const Pack pack(folder.write("shapes.pack", PackFile().bytes()));  // three classes
  EXPECT_NO_THROW(ClassHead(at::ones({3, 2}), "head").require_classes_of(pack));
  for (const int64_t rows : {2, 4}) {
    const ClassHead head(at::ones({rows, 2}), "heads.safetensors: cars");
    expect_mentions(error_message([&] { head.require_classes_of(pack); }),
                    {"heads.safetensors: cars: expected 3 rows", pack.path().string(),
                     "got " + std::to_string(rows)});
  }
}

}  // namespace
}  // namespace isomerge
