#include "checkpoint/adapter_writer.h"

#include <cmath>

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

using Json = nlohmann::json;

LowRankWeight low_rank(const std::string& name, int64_t m, int64_t n, int64_t rank,
                       uint64_t seed = 1) {
  return {name, random_tensor({m, rank}, seed).to(at::kFloat),
          random_tensor({rank, n}, seed + 1).to(at::kFloat)};
}

class AdapterWriter : public ::testing::Test {
 protected:
  void write(const std::vector<LowRankWeight>& weights) {
    write_adapter(folder_.path() / "out", weights, options_);
  }
  Checkpoint tensors() const {
    return Checkpoint(folder_.path() / "out" / "adapter_model.safetensors");
  }
  Json config() const {
    return Json::parse(TemporaryFolder::read(folder_.path() / "out" / "adapter_config.json"));
  }
  std::string refusal(const std::vector<LowRankWeight>& weights) {
    return error_message([&] { write(weights); });
  }

  TemporaryFolder folder_;
  AdapterOptions options_{"some/base", {}, {{"k", "v"}}, "# card\n"};
};

TEST_F(AdapterWriter, FactorsBecomeLoraBAndLoraAOfTheirModule) {
  const LowRankWeight q = low_rank("text.q.weight", 6, 4, 2);
  write({q});
  const Checkpoint got = tensors();
  ASSERT_EQ(got.tensors().size(), 2u);
  EXPECT_TRUE(got.read("base_model.model.text.q.lora_A.weight").equal(q.a));
  EXPECT_TRUE(got.read("base_model.model.text.q.lora_B.weight").equal(q.b));
  EXPECT_EQ(got.metadata().at("k"), "v");
  EXPECT_EQ(got.metadata().at("format"), "pt");
  EXPECT_EQ(TemporaryFolder::read(folder_.path() / "out" / "README.md"), "# card\n");
}

TEST_F(AdapterWriter, TheConfigurationAsksForScaleOneOfWholePaths) {
  write({low_rank("a.q.weight", 6, 4, 2), low_rank("a.k.weight", 6, 4, 2)});
  const Json config = this->config();
  EXPECT_EQ(config["peft_type"], "LORA");
  EXPECT_EQ(config["base_model_name_or_path"], "some/base");
  EXPECT_EQ(config["r"], 2);
  EXPECT_EQ(config["lora_alpha"], 2);
  EXPECT_EQ(config["target_modules"], Json({"a.k", "a.q"}));
  EXPECT_TRUE(config["rank_pattern"].empty());
  EXPECT_TRUE(config["alpha_pattern"].empty());
  EXPECT_EQ(config["bias"], "none");
  for (const char* off : {"fan_in_fan_out", "use_rslora", "use_dora"}) {
    EXPECT_EQ(config[off], false) << off;
  }
  EXPECT_EQ(config["inference_mode"], true);
}

TEST_F(AdapterWriter, OtherRanksThanTheMostFrequentAreNamedByExpressionsThatFitOneModule) {
  write({low_rank("a.0.q.weight", 6, 4, 3), low_rank("a.1.q.weight", 6, 4, 2),
         low_rank("a.2.q.weight", 6, 4, 2), low_rank("a(2).q.weight", 6, 4, 1)});
  const Json others = {{"^a\\.0\\.q", 3}, {"^a\\(2\\)\\.q", 1}};
  EXPECT_EQ(config()["r"], 2);
  EXPECT_EQ(config()["lora_alpha"], 2);
  EXPECT_EQ(config()["rank_pattern"], others);
  EXPECT_EQ(config()["alpha_pattern"], others);
}

TEST_F(AdapterWriter, OfEquallyFrequentRanksTheHighestIsTheCommonOne) {
  write({low_rank("a.weight", 6, 4, 3), low_rank("b.weight", 6, 4, 1)});
  EXPECT_EQ(config()["r"], 3);
}

TEST_F(AdapterWriter, WeightsOfRankZeroAreLeftOut) {
  write({low_rank("a.weight", 6, 4, 3), low_rank("b.weight", 6, 4, 0)});
  EXPECT_EQ(config()["target_modules"], Json({"a"}));
  EXPECT_EQ(tensors().tensors().size(), 2u);
  expect_mentions(refusal({low_rank("b.weight", 6, 4, 0)}), {"out: no weight changes"});
}

// update = b a = (A^T B^T) of PEFT's embeddings.
TEST_F(AdapterWriter, EmbeddingsHaveTheirFactorsTurnedRound) {
  const LowRankWeight shared = low_rank("shared.weight", 10, 4, 2);
  write({shared, low_rank("x.patch_embed.proj.weight", 6, 4, 2)});
  const Checkpoint got = tensors();
  EXPECT_TRUE(got.read("base_model.model.shared.lora_embedding_A").equal(shared.b.t()));
  EXPECT_TRUE(got.read("base_model.model.shared.lora_embedding_B").equal(shared.a.t()));
  EXPECT_TRUE(got.contains("base_model.model.x.patch_embed.proj.lora_A.weight"));
}

// PEFT has one rank for both projections of a torch.nn.MultiheadAttention.
TEST_F(AdapterWriter, AnAttentionIsOneModuleWhosePartsAreFilledUpToOneRank) {
  const LowRankWeight in = low_rank("h.attn.in_proj_weight", 12, 4, 3);
  const LowRankWeight out = low_rank("h.attn.out_proj.weight", 4, 4, 1, 7);
  const std::string key = "base_model.model.h.attn.";
  const std::string output = key + "base_layer.out_proj.";
  write({in, out, low_rank("h.mlp.weight", 6, 4, 3)});
  EXPECT_EQ(config()["target_modules"], Json({"h.attn", "h.mlp"}));
  EXPECT_TRUE(config()["rank_pattern"].empty());
  Checkpoint got = tensors();
  ASSERT_EQ(got.tensors().size(), 6u);
  EXPECT_TRUE(got.read(key + "lora_A.weight").equal(in.a));
  EXPECT_TRUE(got.read(key + "lora_B.weight").equal(in.b));
  EXPECT_EQ(got.require_info(output + "lora_A.weight").shape, (std::vector<int64_t>{3, 4}));
  EXPECT_TRUE(got.read(output + "lora_B.weight")
                  .matmul(got.read(output + "lora_A.weight"))
                  .equal(out.b.matmul(out.a)));

  write({in});
  got = tensors();
  EXPECT_EQ(config()["target_modules"], Json({"h.attn"}));
  EXPECT_TRUE(got.read(output + "lora_A.weight").equal(at::zeros({3, 4})));
  EXPECT_TRUE(got.read(output + "lora_B.weight").equal(at::zeros({4, 3})));

  write({out});
  EXPECT_EQ(config()["target_modules"], Json({"h.attn.out_proj"}));

  options_.tensors = {{"h.attn.in_proj_weight", at::kHalf, {12, 4}},
                      {"i.attn.in_proj_weight", at::kHalf, {12, 4}}};
  write({out});
  got = tensors();
  EXPECT_EQ(config()["target_modules"], Json({"h.attn"}));
  EXPECT_TRUE(got.read(key + "lora_B.weight").equal(at::zeros({12, 1})));
  EXPECT_TRUE(got.read(output + "lora_B.weight").equal(out.b));
}

TEST_F(AdapterWriter, FactorsAreRoundedToTheDtypeThatIsAskedFor) {
  const LowRankWeight q = low_rank("q.weight", 6, 4, 2);
  options_.dtype = at::kHalf;
  write({q});
  EXPECT_TRUE(tensors().read("base_model.model.q.lora_B.weight").equal(q.b.to(at::kHalf)));
  LowRankWeight large = q;
  large.a = at::full({2, 4}, 1e5f);
  expect_mentions(refusal({large}), {"lora_A", "too large for fp16"});
}

TEST_F(AdapterWriter, NamesAllTensorsThatNoModuleHas) {
  const std::string message =
      refusal({low_rank("visual.proj", 6, 4, 2), low_rank("a.weight", 6, 4, 2),
               low_rank("x.positional_embedding", 6, 4, 2), low_rank(".weight", 6, 4, 2)});
  expect_mentions(message, {"out: a PEFT adapter changes the weights of modules",
                            "visual.proj, x.positional_embedding, .weight"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST_F(AdapterWriter, RefusesNanInfAndAPackedWeightOfAnotherShape) {
  for (const float value : {std::nanf(""), INFINITY}) {
    LowRankWeight bad = low_rank("q.weight", 6, 4, 2);
    bad.b[1][1] = value;
    expect_mentions(refusal({bad}), {"out: q.weight: the update has NaN or Inf"});
    bad = low_rank("q.weight", 6, 4, 2);
    bad.a[0][0] = value;
    expect_mentions(refusal({bad}), {"out: q.weight: the update has NaN or Inf"});
  }
  expect_mentions(refusal({low_rank("attn.in_proj_weight", 8, 4, 2)}),
                  {"attn.in_proj_weight: expected", "[3d, d], got [8, 4]"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
  const LowRankWeight unequal{"q.weight", at::zeros({6, 2}), at::zeros({3, 4})};
  expect_mentions(error_message([&] { write({unequal}); }, Fault::kInternal),
                  {"[6, 2] and [3, 4] have no product"});
}

TEST_F(AdapterWriter, ReplacesAnOlderAdapterButNotItsCard) {
  folder_.write("out/README.md", "mine");
  write({low_rank("a.weight", 6, 4, 3)});
  write({low_rank("b.weight", 6, 4, 2)});
  EXPECT_EQ(config()["r"], 2);
  EXPECT_TRUE(tensors().contains("base_model.model.b.lora_A.weight"));
  EXPECT_EQ(TemporaryFolder::read(folder_.path() / "out" / "README.md"), "mine");
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "out")) {
    files += entry.exists() ? 1 : 0;
  }
  EXPECT_EQ(files, 3u);
}

TEST_F(AdapterWriter, TheLastPartOfAPathIsThatOfAFolderWithASlashToo) {
  EXPECT_EQ(last_part("a/b.safetensors"), "b.safetensors");
  EXPECT_EQ(last_part("a/b/"), "b");
  EXPECT_EQ(last_part("b"), "b");
}

TEST_F(AdapterWriter, AnInputThatItWouldReplaceIsNamed) {
  write({low_rank("a.weight", 6, 4, 3)});
  const std::filesystem::path out = folder_.path() / "out";
  EXPECT_NO_THROW(require_replaces_none(folder_.path(), {out / "adapter_model.safetensors"}));
  EXPECT_NO_THROW(require_replaces_none(out, {out / "README.md", folder_.path() / "none"}));
  for (const char* name : {"adapter_model.safetensors", "adapter_config.json"}) {
    expect_mentions(error_message([&] {
                      require_replaces_none(out, {folder_.path() / "none", out / name});
                    }),
                    {"out: the adapter would replace the input", name});
  }
}

TEST_F(AdapterWriter, ARefusalLeavesAnOlderAdapterAsItWas) {
  write({low_rank("a.weight", 6, 4, 3)});
  const std::string before =
      TemporaryFolder::read(folder_.path() / "out" / "adapter_model.safetensors");
  options_.dtype = at::kHalf;
  LowRankWeight large = low_rank("a.weight", 6, 4, 3);
  large.b.mul_(1e9);
  refusal({large});
  EXPECT_EQ(TemporaryFolder::read(folder_.path() / "out" / "adapter_model.safetensors"), before);
  EXPECT_EQ(config()["r"], 3);
}

}  // namespace
}  // namespace isomerge
