#include "factor/extracted_adapter.h"

#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

class ExtractedAdapter : public ::testing::Test {
 protected:
  ExtractedAdapter() {
    base_ = {{"a.weight", random_tensor({20, 12}, 1)},
             {"b.weight", random_tensor({8, 16}, 2)},
             {"b.bias", random_tensor({8}, 3)},
             {"ids", at::arange(4, at::kLong)}};
    write_safetensors(base_path(), base_);
    expert_ = base_;
    // Singular values 8, 4, 2, 1, 0.5.
    const at::Tensor s = at::arange(3, -2, -1, at::kDouble).exp2();
    update_ = random_orthonormal(20, 5, 4).mul(s).matmul(random_orthonormal(12, 5, 5).t());
    expert_["a.weight"] = base_["a.weight"].add(update_);
  }

  std::filesystem::path base_path() const { return folder_ / "base.safetensors"; }

  ExtractionSummary extract(const ExtractionOptions& options) {
    write_safetensors(folder_ / "expert.safetensors", expert_);
    return extract_adapter(folder_ / "expert.safetensors", base_path(), folder_ / "out/", options);
  }
  std::string refusal(const ExtractionOptions& options) {
    const std::string message = error_message([&] { extract(options); });
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
    return message;
  }
  static ExtractionOptions of_rank(int64_t rank) {
    ExtractionOptions options;
    options.rank = rank;
    options.dtype = at::kDouble;
    return options;
  }
  static ExtractionOptions within(double error) {
    ExtractionOptions options;
    options.error = error;
    options.dtype = at::kDouble;
    return options;
  }
  Checkpoint adapter() const { return Checkpoint(folder_ / "out/adapter_model.safetensors"); }
  at::Tensor product(const std::string& module) const {
    const std::string key = "base_model.model." + module;
    return adapter()
        .read(key + ".lora_B.weight")
        .to(at::kDouble)
        .matmul(adapter().read(key + ".lora_A.weight").to(at::kDouble));
  }

  TemporaryFolder folder_;
  Weights base_, expert_;
  at::Tensor update_;
};

// The norm of what is left of 8, 4, 2, 1, 0.5 after two values, over that of all.
TEST_F(ExtractedAdapter, HasTheBestApproximationOfTheRankThatIsAskedFor) {
  const ExtractionSummary summary = extract(of_rank(2));
  const double left = 2.0 * 2.0 + 1.0 + 0.25, all = 64.0 + 16.0 + left;
  ASSERT_EQ(summary.matrices.size(), 1u);
  EXPECT_EQ(summary.matrices[0].name, "a.weight");
  EXPECT_EQ(summary.matrices[0].rank, 2);
  EXPECT_NEAR(summary.matrices[0].norm, std::sqrt(all), 1e-12);
  EXPECT_NEAR(summary.matrices[0].error(), std::sqrt(left / all), 1e-12);
  EXPECT_NEAR(summary.total_error(), std::sqrt(left / all), 1e-12);
  EXPECT_EQ(summary.unchanged, 2u);
  EXPECT_TRUE(summary.dropped.empty());
  EXPECT_NEAR(product("a").sub(update_).norm().item<double>(), std::sqrt(left), 1e-12);
  EXPECT_EQ(adapter().require_info("base_model.model.a.lora_A.weight").shape,
            (std::vector<int64_t>{2, 12}));
  EXPECT_EQ(adapter().tensors().size(), 2u);
}

TEST_F(ExtractedAdapter, ARankAboveThatOfTheMatrixIsItsOwn) {
  EXPECT_EQ(extract(of_rank(1000)).matrices[0].rank, 12);
  EXPECT_LE(relative_error(product("a"), update_), 1e-13);
}

TEST_F(ExtractedAdapter, ABoundOfTheErrorTakesTheFewestTripletsThatKeepIt) {
  const double all = 64.0 + 16.0 + 4.0 + 1.0 + 0.25;
  const double after_two = std::sqrt(5.25 / all), after_three = std::sqrt(1.25 / all);
  EXPECT_EQ(extract(within(after_two * 1.0001)).matrices[0].rank, 2);
  EXPECT_EQ(extract(within(after_two * 0.9999)).matrices[0].rank, 3);
  EXPECT_EQ(extract(within(after_three * 0.9999)).matrices[0].rank, 4);
  EXPECT_EQ(extract(within(0.999)).matrices[0].rank, 1);
  const ExtractionSummary exact = extract(within(1e-9));
  EXPECT_EQ(exact.matrices[0].rank, 5);
  EXPECT_LE(exact.matrices[0].error(), 1e-9);
}

TEST_F(ExtractedAdapter, OneTripletMoreMakesUpForTheRoundingOfTheFactors) {
  const double after_two = std::sqrt(5.25 / (64.0 + 16.0 + 5.25));
  ExtractionOptions options = within(after_two * (1.0 + 1e-9));
  EXPECT_EQ(extract(options).matrices[0].rank, 2);
  options.dtype = at::kHalf;
  const ExtractionSummary rounded = extract(options);
  EXPECT_EQ(rounded.matrices[0].rank, 3);
  EXPECT_LE(rounded.matrices[0].error(), after_two);
}

TEST_F(ExtractedAdapter, ErrorsAreThoseOfTheRoundedFactors) {
  ExtractionOptions options = of_rank(5);
  options.dtype = at::kBFloat16;
  const ExtractionSummary summary = extract(options);
  EXPECT_NEAR(summary.matrices[0].error(), relative_error(product("a"), update_), 1e-12);
  EXPECT_GT(summary.matrices[0].error(), 1e-4);
  std::filesystem::remove_all(folder_ / "out");
  options.rank.reset();
  options.error = 1e-4;
  expect_mentions(refusal(options),
                  {"a.weight: factors in bf16 have a relative error", "above 0.0001"});
}

TEST_F(ExtractedAdapter, TheTotalErrorIsThatOfAllMatricesTogether) {
  expert_["b.weight"] = base_["b.weight"].add(random_tensor({8, 16}, 9));
  const ExtractionSummary summary = extract(of_rank(1));
  ASSERT_EQ(summary.matrices.size(), 2u);
  const auto& [a, b] = std::pair(summary.matrices[0], summary.matrices[1]);
  EXPECT_NEAR(summary.total_error(),
              std::hypot(a.residual, b.residual) / std::hypot(a.norm, b.norm), 1e-12);
}

TEST_F(ExtractedAdapter, OtherTensorsThatChangedAreNamedAndDroppedOnlyIfAsked) {
  expert_["b.bias"] = base_["b.bias"].add(1.0);
  expect_mentions(refusal(of_rank(2)),
                  {"out/: ", "1 other tensors changed: b.bias", "--drop-others"});
  ExtractionOptions options = of_rank(2);
  options.drop_others = true;
  EXPECT_EQ(extract(options).dropped, std::vector<std::string>{"b.bias"});
  EXPECT_EQ(adapter().tensors().size(), 2u);
}

TEST_F(ExtractedAdapter, TheBytesAreTheSameForAnyNumberOfThreads) {
  expert_["b.weight"] = base_["b.weight"].add(random_tensor({8, 16}, 9));
  ExtractionOptions options = of_rank(3);
  extract(options);
  const std::string one = TemporaryFolder::read(folder_ / "out/adapter_model.safetensors");
  options.threads = 3;
  extract(options);
  EXPECT_EQ(TemporaryFolder::read(folder_ / "out/adapter_model.safetensors"), one);
}

TEST_F(ExtractedAdapter, NeverReplacesAnInput) {
  write_safetensors(folder_ / "adapter_model.safetensors", expert_);
  expect_mentions(error_message([&] {
                    extract_adapter(folder_ / "adapter_model.safetensors", base_path(),
                                    folder_.path(), of_rank(1));
                  }),
                  {"the adapter would replace the input", "adapter_model.safetensors"});
  EXPECT_EQ(Checkpoint(folder_ / "adapter_model.safetensors").tensors().size(), expert_.size());
}

TEST_F(ExtractedAdapter, RefusesWhatMakesNoSense) {
  expect_mentions(refusal({}), {"either a rank or an error", "neither"});
  ExtractionOptions both = of_rank(1);
  both.error = 0.1;
  expect_mentions(refusal(both), {"got both"});
  expect_mentions(refusal(of_rank(0)), {"rank: expected a whole number from 1, got 0"});
  expect_mentions(refusal(within(0.0)), {"error: expected a number between 0 and 1, got 0"});
  expect_mentions(refusal(within(1.0)), {"got 1"});
  expert_["ids"] = base_["ids"].add(1);
  expect_mentions(refusal(of_rank(1)), {"ids"});
  expert_ = base_;
  write_safetensors(folder_ / "expert.safetensors", expert_, {{"other", "bytes"}});
  expect_mentions(refusal(of_rank(1)), {"no matrix of expert.safetensors differs"});
}

}  // namespace
}  // namespace isomerge
