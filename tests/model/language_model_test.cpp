#include "model/language_model.h"

#include <ATen/ops/argmax.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/script_module.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(ISOMERGE_SOURCE_DIR) / "tests/golden/t5";

// What HuggingFace's library computes in fp64 of the same weights (tests/golden/t5.py).
class T5Test : public testing::TestWithParam<const char*> {
 protected:
  at::Tensor golden(const std::string& name) const { return golden_.read(fmt_name(name)); }
  Tokens prompts() const { return {golden("input_ids"), golden("input_mask")}; }
  Tokens choices() const { return {golden("choices"), golden("choice_mask")}; }

  static constexpr int kBatches = 3;
  const LanguageModel model_{kFolder / (std::string(GetParam()) + ".pt")};
  const Checkpoint golden_{kFolder / (std::string(GetParam()) + ".safetensors")};
  int batch_ = 0;

 private:
  std::string fmt_name(const std::string& name) const {
    return name + "." + std::to_string(batch_);
  }
};

TEST(T5WithVectors, OfOnesIsTheT5WithoutThem) {
  const LanguageModel plain(kFolder / "v1_1_untied.pt");
  LanguageModel model(kFolder / "v1_1_ia3.pt");
  Weights weights = plain.weights();
  size_t vectors = 0;
  for (const TensorInfo& info : model.layout()) {
    if (weights.contains(info.name)) continue;
    EXPECT_TRUE(info.name.ends_with(".ia3_l")) << info.name;
    weights[info.name] = at::ones(info.shape);
    ++vectors;
  }
  EXPECT_EQ(vectors, 2u * 3 + 3u * 5);
  model.bind(weights, "ones");
  const Checkpoint golden(kFolder / "v1_1_untied.safetensors");
  const Tokens prompts{golden.read("input_ids.0"), golden.read("input_mask.0")},
      choices{golden.read("choices.0"), golden.read("choice_mask.0")};
  const auto scores = [&](const LanguageModel& of) {
    return of.score(of.encode(prompts), prompts, choices);
  };
  EXPECT_TRUE(at::equal(scores(model), scores(plain)));
  weights.at("decoder.block.2.layer.1.EncDecAttention.v.ia3_l").mul_(2);
  model.bind(weights, "twice");
  EXPECT_FALSE(at::equal(scores(model), scores(plain)));
}

TEST_P(T5Test, EncoderStatesAreThoseOfTheLibraryWhereThereAreTokens) {
  for (batch_ = 0; batch_ < kBatches; ++batch_) {
    const at::Tensor tokens = golden("input_mask").unsqueeze(2);
    const at::Tensor got = model_.encode(prompts()).to(at::kDouble).mul(tokens);
    EXPECT_LE(relative_error(got, golden("states").mul(tokens)), 1e-4) << batch_;
  }
}

TEST_P(T5Test, ScoresOfChoicesAreThoseOfTheLibrary) {
  for (batch_ = 0; batch_ < kBatches; ++batch_) {
    const at::Tensor got = model_.score(model_.encode(prompts()), prompts(), choices());
    EXPECT_LE(relative_error(got, golden("scores")), 1e-4) << batch_;
    EXPECT_TRUE(at::equal(at::argmax(got, 1), at::argmax(golden("scores"), 1))) << batch_;
  }
}

TEST_P(T5Test, WrittenAnswersAreThoseOfTheLibrary) {
  for (batch_ = 0; batch_ < kBatches; ++batch_) {
    const at::Tensor wanted = golden("greedy");
    const auto got = model_.generate(model_.encode(prompts()), prompts(), wanted.size(1));
    ASSERT_EQ(static_cast<int64_t>(got.size()), wanted.size(0));
    for (size_t i = 0; i < got.size(); ++i) {
      std::vector<int64_t> tokens;
      for (int64_t t = 0; t < wanted.size(1); ++t) {
        const auto token = wanted[static_cast<int64_t>(i)][t].item<int64_t>();
        if (token == LanguageModel::kEnd) break;
        tokens.push_back(token);
      }
      EXPECT_EQ(got[i], tokens) << batch_ << " " << i;
    }
  }
}

TEST_P(T5Test, LossesAreThoseOfTheLibrary) {
  for (batch_ = 0; batch_ < kBatches; ++batch_) {
    const at::Tensor wanted = golden("losses");
    const Tokens targets{choices().ids.select(1, -1), choices().mask.select(1, -1)};
    EXPECT_LE(relative_error(model_.loss_for_training(prompts(), targets), wanted), 1e-4);
  }
}

TEST_P(T5Test, FillingChangesNoScore) {
  const Tokens all = prompts();
  const at::Tensor together = model_.score(model_.encode(all), all, choices());
  for (int64_t i = 0; i < all.ids.size(0); ++i) {
    const int64_t length = all.mask[i].sum().item<int64_t>();
    const Tokens one{all.ids.narrow(0, i, 1).narrow(1, 0, length),
                     all.mask.narrow(0, i, 1).narrow(1, 0, length)};
    const Tokens own{choices().ids.narrow(0, i, 1), choices().mask.narrow(0, i, 1)};
    EXPECT_LE(relative_error(model_.score(model_.encode(one), one, own)[0], together[i]), 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, T5Test, testing::Values("v1_0_tied", "v1_1_untied"));

TEST(LanguageModel, SaysHowManyTokensItKnows) {
  EXPECT_EQ(LanguageModel(kFolder / "v1_0_tied.pt").vocabulary(), 90);
}

std::filesystem::path save(const TemporaryFolder& folder, const std::string& score,
                           const std::string& logits = "torch.zeros([states.size(0), 9])") {
  language_module(score, "logits = " + logits).save(folder / "model.pt");
  return folder / "model.pt";
}

TEST(LanguageModel, RefusesAModuleWithoutItsMethods) {
  const TemporaryFolder folder;
  linear_module(at::zeros({3, 2}), at::zeros({2})).save(folder / "encoder.pt");
  expect_mentions(error_message([&] { LanguageModel(folder / "encoder.pt"); }),
                  {"encoder.pt", "no method encode"});
}

TEST(LanguageModel, RefusesScoresOfAnotherShapeAndNaN) {
  const TemporaryFolder folder;
  const Tokens prompts = pad_rows({{5, 1}, {1}}), choices = pad_choices({{{3, 1}}, {{4, 1}, {1}}});
  const auto message = [&](const std::string& body) {
    const LanguageModel model(save(folder, body));
    return error_message([&] { model.score(model.encode(prompts), prompts, choices); });
  };
  expect_mentions(message("torch.zeros([2, 3])"),
                  {"model.pt", "its own weights", "expected floating scores [2, 2]", "[2, 3]"});
  expect_mentions(message("torch.zeros([2, 2]) / 0.0"), {"NaN or Inf", "no weight has any"});
}

TEST(LanguageModel, StopsWritingAtTheEndOfEachAnswerOrAtTheMost) {
  const TemporaryFolder folder;
  // The first prompt's answer is 7 7 </s>, the second's 7 for ever.
  const LanguageModel model(
      save(folder, "states",
           "torch.one_hot(torch.stack([torch.tensor(7 if decoder_ids.size(1) < 3 else "
           "1), torch.tensor(7)]), 9).float()"));
  const Tokens prompts = pad_rows({{5, 1}, {1}});
  const auto answers = model.generate(model.encode(prompts), prompts, 5);
  EXPECT_EQ(answers, (std::vector<std::vector<int64_t>>{{7, 7}, {7, 7, 7, 7, 7}}));
}

TEST(Tokens, AreFilledUpToTheLongestAndMasked) {
  const Tokens rows = pad_rows({{5, 1}, {7, 8, 1}});
  EXPECT_EQ(rows.ids.sizes(), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(rows.ids[0][2].item<int64_t>(), 0);
  EXPECT_EQ(rows.mask.sum(1)[0].item<int64_t>(), 2);
  const Tokens choices = pad_choices({{{2, 1}}, {{3, 1}, {4, 5, 1}}});
  EXPECT_EQ(choices.ids.sizes(), (std::vector<int64_t>{2, 2, 3}));
  EXPECT_EQ(choices.mask[0][1].sum().item<int64_t>(), 0);
  EXPECT_EQ(choices.ids[1][1][1].item<int64_t>(), 5);
}

}  // namespace
}  // namespace isomerge
