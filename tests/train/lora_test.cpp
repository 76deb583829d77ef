#include "train/lora.h"

#include <cmath>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/random_tensors.h"

namespace isomerge {
namespace {

using Names = std::vector<std::string>;

Names names_of(const Weights& weights) {
  Names names;
  for (const auto& [name, tensor] : weights) names.push_back(name);
  return names;
}

at::Tensor random_float(at::IntArrayRef shape, uint64_t seed) {
  return random_tensor(shape, seed).to(at::kFloat);
}

LoraOptions of_rank(int64_t rank, std::optional<double> alpha = {}, Names targets = {}) {
  return {rank, alpha, std::move(targets)};
}

// A module with something of everything.
Weights parameters() {
  return {{"h.attn.in_proj_weight", at::zeros({12, 4})}, {"h.attn.in_proj_bias", at::zeros({12})},
          {"h.attn.out_proj.weight", at::zeros({4, 4})}, {"h.ln.weight", at::zeros({4})},
          {"h.mlp.weight", at::zeros({6, 4})},           {"conv.weight", at::zeros({4, 3, 2, 2})},
          {"token_embedding.weight", at::zeros({9, 4})}, {"lm_head.weight", at::zeros({9, 4})},
          {"positional_embedding", at::zeros({5, 4})},   {"visual.proj", at::zeros({4, 3})}};
}

TEST(LoraTargets, AreTheWeightsOfAllLinearLayersUnlessGlobsSayOtherwise) {
  EXPECT_EQ(names_of(lora_targets(parameters(), of_rank(2))),
            (Names{"h.attn.in_proj_weight", "h.attn.out_proj.weight", "h.mlp.weight"}));
  EXPECT_EQ(names_of(lora_targets(parameters(), of_rank(2, {}, {"h.mlp*", "lm_*", "h.m*"}))),
            (Names{"h.mlp.weight", "lm_head.weight"}));
  EXPECT_EQ(names_of(lora_targets(parameters(), of_rank(2, {}, {"h.attn.in_proj*"}))),
            (Names{"h.attn.in_proj_weight"}))
      << "a glob may fit a bias beside the weight";
}

TEST(LoraTargets, AGlobThatChoosesNoMatrixIsRefusedWithWhatItFits) {
  const auto refusal = [](const std::string& glob) {
    return error_message([&] { lora_targets(parameters(), of_rank(1, {}, {"h.mlp*", glob})); });
  };
  expect_mentions(refusal("*q_proj*"), {"lora target \"*q_proj*\": no such parameter"});
  expect_mentions(refusal("h.ln*"),
                  {"lora target \"h.ln*\": it fits h.ln.weight [4], which is no"});
  expect_mentions(refusal("conv*"), {"it fits conv.weight [4, 3, 2, 2]"});
  expect_mentions(refusal("visual.proj"), {"it fits visual.proj [4, 3]", "\"<module>.weight\""});
}

TEST(LoraTargets, AModuleWithoutLinearLayersIsRefused) {
  expect_mentions(error_message([] {
                    lora_targets({{"w", at::zeros({3, 3})}}, of_rank(1));
                  }),
                  {"no linear layer"});
}

TEST(LoraTargets, TheRankIsAtMostTheSmallerSideOfEveryTarget) {
  EXPECT_NO_THROW(lora_targets(parameters(), of_rank(4)));
  expect_mentions(error_message([] { lora_targets(parameters(), of_rank(5)); }),
                  {"lora: h.attn.in_proj_weight [12, 4] has rank 4 at most, got 5"});
  EXPECT_NO_THROW(lora_targets({{"a.weight", at::zeros({3, 9})}}, of_rank(3)));
  EXPECT_THROW(lora_targets({{"a.weight", at::zeros({3, 9})}}, of_rank(4)), Error);
}

TEST(LoraFactors, StartAtTheWeightWithBZeroAndAUniform) {
  const at::Tensor w = random_float({3, 1600}, 1), before = w.clone();
  LoraFactors lora({{"w.weight", w}}, of_rank(2), 0);
  ASSERT_EQ(names_of(lora.factors()), (Names{"w.weight/lora_A", "w.weight/lora_B"}));
  EXPECT_TRUE(at::equal(lora.factors().at("w.weight/lora_B"), at::zeros({3, 2})));
  const at::Tensor a = lora.factors().at("w.weight/lora_A").detach();
  EXPECT_EQ(a.sizes(), (at::IntArrayRef{2, 1600}));
  // Of 3200 uniform numbers in (-1/40, 1/40): mean 0 and variance bound^2 / 3, within five standard
  // errors.
  const double bound = 1.0 / 40.0;
  EXPECT_LE(a.abs().max().item<double>(), bound);
  EXPECT_GE(a.abs().max().item<double>(), 0.99 * bound);
  EXPECT_LE(std::abs(a.mean().item<double>()), 5.0 * bound / std::sqrt(3.0 * 3200.0));
  EXPECT_NEAR(a.pow(2).mean().item<double>(), bound * bound / 3.0, 0.08 * bound * bound / 3.0);
  lora.apply();
  EXPECT_TRUE(at::equal(w, before));
}

TEST(LoraFactors, FirstFactorsDependOnSeedAndNameAlone) {
  const auto a = [](const std::string& name, int64_t seed, const std::string& beside) {
    const LoraFactors lora({{name, random_float({3, 5}, 1)}, {beside, random_float({4, 4}, 2)}},
                           of_rank(2), seed);
    return lora.factors().at(name + "/lora_A").detach().clone();
  };
  const at::Tensor first = a("w.weight", 0, "x.weight");
  EXPECT_TRUE(at::equal(a("w.weight", 0, "a.weight"), first));
  EXPECT_FALSE(at::equal(a("w.weight", 1, "x.weight"), first));
  EXPECT_FALSE(at::equal(a("v.weight", 0, "x.weight"), first));
}

// The loss sum(C * W^2) has the gradient 2 C W; central differences of it in fp64 by every entry of
// A and B, at factors that are not zero.
TEST(LoraFactors, GradientsAreThoseOfDifferences) {
  const int64_t m = 5, n = 4, rank = 2;
  const double scale = 1.5;
  const at::Tensor start = random_float({m, n}, 1), other = random_float({3, 3}, 9);
  at::Tensor w = start.clone();
  const at::Tensor c = random_tensor({m, n}, 2);
  LoraFactors lora({{"w.weight", w}, {"a.weight", other}}, of_rank(rank, scale * rank), 0);
  const at::Tensor a = lora.factors().at("w.weight/lora_A"),
                   b = lora.factors().at("w.weight/lora_B");
  {
    const at::NoGradGuard no_gradient;
    a.copy_(random_float({rank, n}, 3));
    b.copy_(random_float({m, rank}, 4));
  }
  const auto loss = [&](const at::Tensor& of_a, const at::Tensor& of_b) {
    return c.mul(start.to(at::kDouble).add(of_b.matmul(of_a).mul(scale)).pow(2))
        .sum()
        .item<double>();
  };
  lora.apply();
  const at::Tensor g = c.mul(w.to(at::kDouble)).mul(2.0).to(at::kFloat);
  const std::vector<at::Tensor> got = lora.gradients({at::Tensor(), g});
  ASSERT_EQ(got.size(), 4u);
  EXPECT_FALSE(got[0].defined()) << "of a.weight";
  EXPECT_FALSE(got[1].defined());
  const at::Tensor a64 = a.detach().to(at::kDouble), b64 = b.detach().to(at::kDouble);
  const double step = 1e-5;
  const auto differences = [&](const at::Tensor& by, const auto& loss_with) {
    at::Tensor out = at::zeros(by.sizes(), at::kDouble);
    for (int64_t i = 0; i < by.numel(); ++i) {
      const auto at_offset = [&](double offset) {
        at::Tensor moved = by.clone();
        moved.view({-1})[i].add_(offset);
        return loss_with(moved);
      };
      out.view({-1})[i] = (at_offset(step) - at_offset(-step)) / (2.0 * step);
    }
    return out;
  };
  const at::Tensor by_a = differences(a64, [&](const at::Tensor& x) { return loss(x, b64); });
  const at::Tensor by_b = differences(b64, [&](const at::Tensor& x) { return loss(a64, x); });
  EXPECT_LE(relative_error(got[2], by_a), 1e-5);  // fp32 products of small matrices
  EXPECT_LE(relative_error(got[3], by_b), 1e-5);
}

TEST(LoraFactors, TheWeightIsTheStartAndTheScaledProduct) {
  const at::Tensor start = random_float({5, 4}, 1);
  at::Tensor w = start.clone();
  LoraFactors lora({{"w.weight", w}}, of_rank(2, 6.0), 0);
  {
    const at::NoGradGuard no_gradient;
    lora.factors().at("w.weight/lora_B").copy_(random_float({5, 2}, 4));
  }
  const at::Tensor a = lora.factors().at("w.weight/lora_A").detach(),
                   b = lora.factors().at("w.weight/lora_B").detach();
  for (int repeat = 0; repeat < 2; ++repeat) {  // it does not add up
    const std::vector<LowRankWeight> updates = lora.apply();
    ASSERT_EQ(updates.size(), 1u);
    EXPECT_EQ(updates[0].name, "w.weight");
    EXPECT_TRUE(at::equal(updates[0].a, a));
    EXPECT_TRUE(at::equal(updates[0].b, b.mul(3.0)));
    EXPECT_LE(relative_error(w, start.add(b.matmul(a).mul(3.0))), 1e-6);
  }
  const std::vector<LowRankWeight> rounded = lora.apply(at::kHalf);
  EXPECT_EQ(rounded[0].b.scalar_type(), at::kHalf);
  EXPECT_TRUE(at::equal(
      w, start.addmm(b.mul(3.0).to(at::kHalf).to(at::kFloat), a.to(at::kHalf).to(at::kFloat))))
      << "the weight is that of the rounded factors";
}

}  // namespace
}  // namespace isomerge
