#include "checkpoint/adapter.h"

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

constexpr const char* kPrefix = "base_model.model.";

class AdapterTest : public ::testing::Test {
 protected:
  // The base has to outlive what is made of it.
  const Checkpoint& base(const Weights& weights) {
    write_safetensors(folder_ / "base.safetensors", weights);
    base_.emplace(folder_ / "base.safetensors");
    return *base_;
  }

  std::filesystem::path save(const std::string& config, const Weights& weights) {
    std::filesystem::create_directories(folder_ / "adapter");
    write_text_file(folder_ / "adapter" / "adapter_config.json", config);
    write_safetensors(folder_ / "adapter" / "adapter_model.safetensors", weights);
    return folder_ / "adapter";
  }

  // Factors of a module [m, n] of this rank.
  Weights factors(const std::string& module, int64_t m, int64_t n, int64_t rank) {
    return {{kPrefix + module + ".lora_A.weight", random(rank, n)},
            {kPrefix + module + ".lora_B.weight", random(m, rank)}};
  }

  at::Tensor random(int64_t rows, int64_t columns) {
    return random_tensor({rows, columns}, ++seed_).to(at::kFloat);
  }

  static at::Tensor product(const Weights& weights, const std::string& module) {
    return at::mm(weights.at(kPrefix + module + ".lora_B.weight").to(at::kDouble),
                  weights.at(kPrefix + module + ".lora_A.weight").to(at::kDouble));
  }

  at::Tensor whole_update(const Adapter& adapter, const std::string& name) const {
    return adapter.update(name, base_->read(name), 0);
  }

  TemporaryFolder folder_;
  std::optional<Checkpoint> base_;
  uint64_t seed_ = 0;
};

std::string lora(const std::string& more = "", int rank = 2, int alpha = 6) {
  return "{\"peft_type\": \"LORA\", \"r\": " + std::to_string(rank) +
         ", \"lora_alpha\": " + std::to_string(alpha) + more + "}";
}

TEST_F(AdapterTest, AddsAlphaOverRankTimesTheProductOfItsFactors) {
  base({{"layer.q.weight", random(4, 3)}, {"layer.k.weight", random(4, 3)}});
  const Weights weights = factors("layer.q", 4, 3, 2);
  const Adapter adapter(save(lora(), weights), *base_);
  EXPECT_TRUE(adapter.changes("layer.q.weight"));
  EXPECT_FALSE(adapter.changes("layer.k.weight"));
  const at::Tensor wanted = product(weights, "layer.q") * 3.0;
  EXPECT_LT(relative_error(whole_update(adapter, "layer.q.weight"), wanted), 1e-15);
  const auto found = adapter.low_rank("layer.q.weight", 0, 4);
  ASSERT_TRUE(found);
  EXPECT_LT(relative_error(at::mm(found->b, found->a), wanted), 1e-15);
  EXPECT_EQ(adapter.low_rank("layer.k.weight", 0, 4)->a.size(0), 0);
}

TEST_F(AdapterTest, RowsAreThoseOfTheWhole) {
  base({{"q.weight", random(5, 3)}});
  const Adapter adapter(save(lora(), factors("q", 5, 3, 2)), *base_);
  const at::Tensor all = whole_update(adapter, "q.weight");
  const at::Tensor rows = adapter.update("q.weight", base_->read("q.weight").narrow(0, 1, 3), 1);
  EXPECT_TRUE(rows.equal(all.narrow(0, 1, 3)));
  const auto found = adapter.low_rank("q.weight", 1, 3);
  EXPECT_LT(relative_error(at::mm(found->b, found->a), rows), 1e-15);
}

TEST_F(AdapterTest, RankStabilisedScaleIsAlphaOverTheRootOfTheRank) {
  base({{"q.weight", random(4, 3)}});
  const Weights weights = factors("q", 4, 3, 2);
  const Adapter adapter(save(lora(", \"use_rslora\": true"), weights), *base_);
  EXPECT_LT(relative_error(whole_update(adapter, "q.weight"),
                           product(weights, "q") * (6.0 / std::sqrt(2.0))),
            1e-15);
}

TEST_F(AdapterTest, PatternsGiveModulesRanksAndAlphasOfTheirOwn) {
  base({{"a.q.weight", random(6, 5)}, {"b.q.weight", random(6, 5)}, {"bq.weight", random(6, 5)}});
  Weights weights = factors("a.q", 6, 5, 4);
  weights.merge(factors("b.q", 6, 5, 2));
  weights.merge(factors("bq", 6, 5, 2));
  const Adapter adapter(
      save(
          lora(", \"rank_pattern\": {\"a.q\": 4}, \"alpha_pattern\": {\"b\\\\.q\": 10, \"q\": 20}"),
          weights),
      *base_);
  EXPECT_LT(relative_error(whole_update(adapter, "a.q.weight"), product(weights, "a.q") * 5.0),
            1e-15);
  EXPECT_LT(relative_error(whole_update(adapter, "b.q.weight"), product(weights, "b.q") * 5.0),
            1e-15);
  // "q" fits the name as a whole or after a dot: not "bq".
  EXPECT_LT(relative_error(whole_update(adapter, "bq.weight"), product(weights, "bq") * 3.0),
            1e-15);
}

TEST_F(AdapterTest, WeightsStoredInputFirstGetTheProductTransposed) {
  base({{"q.weight", random(3, 4)}});
  const Weights weights = factors("q", 4, 3, 2);
  const Adapter adapter(save(lora(", \"fan_in_fan_out\": true"), weights), *base_);
  EXPECT_LT(relative_error(whole_update(adapter, "q.weight"), product(weights, "q").t() * 3.0),
            1e-15);
}

TEST_F(AdapterTest, EmbeddingsGetTheProductTransposed) {
  base({{"shared.weight", random(7, 3)}});
  const Weights weights = {{"base_model.model.shared.lora_embedding_A", random(2, 7)},
                           {"base_model.model.shared.lora_embedding_B", random(3, 2)}};
  const Adapter adapter(save(lora(), weights), *base_);
  const at::Tensor wanted =
      at::mm(weights.at("base_model.model.shared.lora_embedding_B").to(at::kDouble),
             weights.at("base_model.model.shared.lora_embedding_A").to(at::kDouble))
          .t() *
      3.0;
  EXPECT_LT(relative_error(whole_update(adapter, "shared.weight"), wanted), 1e-15);
}

TEST_F(AdapterTest, NamesMayHaveMoreOrLessInFrontThanTheBase) {
  const Weights weights = factors("encoder.q", 4, 3, 2);
  for (const char* name : {"vision_model.encoder.q.weight", "q.weight"}) {
    base({{name, random(4, 3)}, {"other", random(4, 3)}});
    EXPECT_TRUE(Adapter(save(lora(), weights), *base_).changes(name)) << name;
  }
}

TEST_F(AdapterTest, OfSeveralTensorsThatANameMayMeanTheOneOfItsShapeCounts) {
  base({{"vision.q.weight", random(4, 3)}, {"text.q.weight", random(5, 3)}});
  const Adapter adapter(save(lora(), factors("q", 4, 3, 2)), *base_);
  EXPECT_TRUE(adapter.changes("vision.q.weight"));
  EXPECT_FALSE(adapter.changes("text.q.weight"));
  base({{"vision.q.weight", random(4, 3)}, {"text.q.weight", random(4, 3)}});
  expect_mentions(error_message([&] { Adapter(folder_ / "adapter", *base_); }),
                  {"q.weight: it may mean", "vision.q.weight", "text.q.weight"});
}

TEST_F(AdapterTest, HuggingFaceModulesAreRowsOfPackedAttentionInOpenClip) {
  const std::string packed = "model.visual.transformer.resblocks.3.attn.in_proj_weight";
  for (const std::string tower : {"vision_model.", ""}) {
    base({{packed, random(12, 4)},
          {"model.visual.transformer.resblocks.3.attn.out_proj.weight", random(4, 4)}});
    const std::string layer = tower + "encoder.layers.3.self_attn.";
    Weights weights = factors(layer + "q_proj", 4, 4, 2);
    weights.merge(factors(layer + "v_proj", 4, 4, 2));
    weights.merge(factors(layer + "out_proj", 4, 4, 2));
    const Adapter adapter(save(lora(), weights), *base_);
    const at::Tensor wanted =
        at::cat({product(weights, layer + "q_proj") * 3.0, at::zeros({4, 4}, at::kDouble),
                 product(weights, layer + "v_proj") * 3.0});
    EXPECT_LT(relative_error(whole_update(adapter, packed), wanted), 1e-15);
    const auto all = adapter.low_rank(packed, 0, 12);
    EXPECT_EQ(all->a.size(0), 4);
    EXPECT_LT(relative_error(at::mm(all->b, all->a), wanted), 1e-15);
    EXPECT_EQ(adapter.low_rank(packed, 4, 4)->a.size(0), 0);  // k is as in the base
    EXPECT_EQ(adapter.rank(packed, 4, 4), 0);
    EXPECT_EQ(adapter.rank(packed, 8, 4), 2);
    EXPECT_EQ(adapter.rank(packed, 0, 12), 4);
    const auto values = adapter.low_rank(packed, 8, 4);
    EXPECT_EQ(values->a.size(0), 2);
    EXPECT_LT(relative_error(at::mm(values->b, values->a), wanted.narrow(0, 8, 4)), 1e-15);
    EXPECT_TRUE(adapter.changes("model.visual.transformer.resblocks.3.attn.out_proj.weight"));
  }
}

TEST_F(AdapterTest, TheProjectionIsTransposedInOpenClip) {
  base({{"visual.proj", random(6, 4)}, {"visual.conv1.weight", random(2, 2)}});
  const Weights weights = factors("visual_projection", 4, 6, 2);
  const Adapter adapter(save(lora(), weights), *base_);
  EXPECT_LT(relative_error(whole_update(adapter, "visual.proj"),
                           product(weights, "visual_projection").t() * 3.0),
            1e-15);
}

TEST_F(AdapterTest, AnAttentionOfTorchHasItsPackedWeightAndItsOutputAdapted) {
  base({{"attn.in_proj_weight", random(9, 3)}, {"attn.out_proj.weight", random(3, 3)}});
  Weights weights = factors("attn", 9, 3, 2);
  weights.merge(factors("attn.base_layer.out_proj", 3, 3, 2));
  const Adapter adapter(save(lora(), weights), *base_);
  EXPECT_LT(
      relative_error(whole_update(adapter, "attn.in_proj_weight"), product(weights, "attn") * 3.0),
      1e-15);
  EXPECT_LT(relative_error(whole_update(adapter, "attn.out_proj.weight"),
                           product(weights, "attn.base_layer.out_proj") * 3.0),
            1e-15);
}

TEST_F(AdapterTest, TrainedBiasesAndWholeModulesAreChangesToo) {
  base({{"q.weight", random(4, 3)}, {"q.bias", random(1, 4)[0]}, {"head.weight", random(2, 3)}});
  Weights weights = factors("q", 4, 3, 2);
  weights["base_model.model.q.base_layer.bias"] = random(1, 4)[0];
  weights["base_model.model.head.modules_to_save.weight"] = random(2, 3);
  const Adapter adapter(
      save(lora(", \"bias\": \"lora_only\", \"modules_to_save\": [\"head\"]"), weights), *base_);
  const auto expert = [&](const std::string& name) {
    return base_->read(name).to(at::kDouble) + whole_update(adapter, name);
  };
  EXPECT_LT(relative_error(expert("q.bias"), weights.at("base_model.model.q.base_layer.bias")),
            1e-15);
  EXPECT_LT(relative_error(expert("head.weight"),
                           weights.at("base_model.model.head.modules_to_save.weight")),
            1e-15);
  EXPECT_FALSE(adapter.low_rank("head.weight", 0, 2));
}

TEST_F(AdapterTest, VectorsOfIa3ScaleRowsAndBiasOrColumns) {
  base({{"k.weight", random(4, 3)}, {"k.bias", random(1, 4)[0]}, {"wi.weight", random(2, 5)}});
  const at::Tensor rows = random(4, 1), columns = random(1, 5);
  const Adapter adapter(
      save("{\"peft_type\": \"IA3\", \"feedforward_modules\": [\"wi\"]}",
           {{"base_model.model.k.ia3_l", rows}, {"base_model.model.wi.ia3_l", columns}}),
      *base_);
  const auto expert = [&](const std::string& name) {
    return base_->read(name).to(at::kDouble) + whole_update(adapter, name);
  };
  const auto old = [&](const std::string& name) { return base_->read(name).to(at::kDouble); };
  EXPECT_LT(relative_error(expert("k.weight"), old("k.weight") * rows.to(at::kDouble)), 1e-14);
  EXPECT_LT(relative_error(expert("k.bias"), old("k.bias") * rows.to(at::kDouble).view({-1})),
            1e-14);
  EXPECT_LT(relative_error(expert("wi.weight"), old("wi.weight") * columns.to(at::kDouble)), 1e-14);
}

TEST_F(AdapterTest, HashDependsOnFactorsAndScale) {
  base({{"q.weight", random(4, 3)}});
  const Weights weights = factors("q", 4, 3, 2);
  const auto hash = [&](const std::string& config, const Weights& of) {
    return Adapter(save(config, of), *base_).hash("q.weight");
  };
  const std::string first = hash(lora(), weights);
  EXPECT_EQ(hash(lora(), weights), first);
  EXPECT_NE(hash(lora("", 2, 7), weights), first);
  Weights other = weights;
  other.at("base_model.model.q.lora_A.weight") = random(2, 3);
  EXPECT_NE(hash(lora(), other), first);
}

struct BadAdapter {
  const char* what;
  std::string config;
  Weights weights;
  std::string message;
};

TEST_F(AdapterTest, FaultsAreRefusedWithModuleAndShapes) {
  base({{"layer.q.weight", random(4, 3)}, {"conv.weight", at::zeros({4, 3, 2, 2})}});
  const std::string a = "base_model.model.layer.q.lora_A.weight",
                    b = "base_model.model.layer.q.lora_B.weight";
  const Weights good = factors("layer.q", 4, 3, 2);
  Weights integers = good;
  integers[a] = good.at(a).to(at::kLong);
  const BadAdapter faults[] = {
      {"B missing", lora(), {{a, good.at(a)}}, "layer.q: lora_A [2, 3] without lora_B"},
      {"A missing", lora(), {{b, good.at(b)}}, "layer.q: lora_B [4, 2] without lora_A"},
      {"ranks differ",
       lora(),
       {{a, random(3, 3)}, {b, random(4, 2)}},
       "layer.q: expected rank 2, got lora_A [3, 3] and lora_B [4, 2]"},
      {"another rank", lora("", 3), good,
       "layer.q: expected rank 3, got lora_A [2, 3] and lora_B [4, 2]"},
      {"unknown target", lora(), factors("layer.p", 4, 3, 2),
       "layer.p.weight: the base has no such tensor (nearest: \"layer.q.weight\")"},
      {"another shape", lora(), factors("layer.q", 5, 3, 2),
       "layer.q.weight: expected [4, 3] as layer.q.weight of the base, got [5, 3]"},
      {"of a convolution",
       lora(),
       {{"base_model.model.conv.lora_A.weight", at::zeros({2, 3, 2, 2})},
        {"base_model.model.conv.lora_B.weight", at::zeros({4, 2, 1, 1})}},
       "conv: expected factors of a matrix, got lora_A [2, 3, 2, 2], lora_B [4, 2, 1, 1]"},
      {"magnitudes",
       lora(),
       {{a, good.at(a)},
        {b, good.at(b)},
        {"base_model.model.layer.q.lora_magnitude_vector", random(1, 4)[0]}},
       "layer.q: lora_magnitude_vector is not supported"},
      {"integers", lora(), integers, a + ": expected a floating dtype, got int64"},
      {"DoRA", lora(", \"use_dora\": true"), good, "\"use_dora\": true is not supported"},
      {"another kind", "{\"peft_type\": \"VERA\", \"r\": 2}", good,
       "\"peft_type\": expected \"LORA\" or \"IA3\", got \"VERA\""},
      {"unknown option", lora(", \"new_thing\": 3"), good, "\"new_thing\": 3 is not supported"},
      {"PiSSA", lora(", \"init_lora_weights\": \"pissa\""), good,
       "\"init_lora_weights\": \"pissa\" changes the base"},
      {"no rank", "{\"peft_type\": \"LORA\", \"lora_alpha\": 2}", good,
       "\"r\": expected a number of at least 1, got nothing"},
      {"no JSON", "{", good, "not the configuration of an adapter: it is not valid JSON"},
      {"bad expression", lora(", \"alpha_pattern\": {\"(\": 2}"), good,
       "\"alpha_pattern\": \"(\" is no regular expression"},
      {"vector of another length",
       "{\"peft_type\": \"IA3\"}",
       {{"base_model.model.layer.q.ia3_l", random(5, 1)}},
       "layer.q.weight: expected [4, 3] as layer.q.weight of the base, got [4, 1]"},
  };
  for (const BadAdapter& fault : faults) {
    SCOPED_TRACE(fault.what);
    const auto path = save(fault.config, fault.weights);
    expect_mentions(error_message([&] { Adapter(path, *base_); }), {fault.message});
  }
}

TEST_F(AdapterTest, NonFiniteFactorsAreNamedWhenTheyAreRead) {
  base({{"q.weight", random(4, 3)}});
  Weights weights = factors("q", 4, 3, 2);
  weights.at("base_model.model.q.lora_B.weight")[1][1] = std::numeric_limits<float>::quiet_NaN();
  const Adapter adapter(save(lora(), weights), *base_);
  expect_mentions(
      error_message([&] { whole_update(adapter, "q.weight"); }),
      {"adapter_model.safetensors: base_model.model.q.lora_B.weight [4, 2]: 1 of 8 entries "
       "are NaN or Inf"});
}

TEST_F(AdapterTest, WhereAModelIsAskedForItSaysHowToMakeOne) {
  const auto path = save(lora(), factors("q", 4, 3, 2));
  expect_mentions(error_message([&] { Checkpoint{path}; }),
                  {path.string() + ": an adapter, which says nothing without its base", "--base"});
}

TEST_F(AdapterTest, WithoutWeightsItSaysWhatWasLookedFor) {
  base({{"q.weight", random(4, 3)}});
  std::filesystem::create_directories(folder_ / "empty");
  write_text_file(folder_ / "empty" / "adapter_config.json", lora());
  expect_mentions(error_message([&] { Adapter(folder_ / "empty", *base_); }),
                  {"an adapter without weights; looked for adapter_model.safetensors"});
}

}  // namespace
}  // namespace isomerge
