#include "task/updates.h"

#include <limits>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

Weights model(double value) {
  return {{"proj", at::full({2, 3}, value)},
          {"bias", at::full({3}, value)},
          {"ids", at::arange(4, at::kLong)}};
}

class UpdatesTest : public ::testing::Test {
 protected:
  std::filesystem::path save(const std::string& name, const Weights& weights) {
    write_safetensors(folder_ / name, weights);
    return folder_ / name;
  }

  TemporaryFolder folder_;
};

TEST_F(UpdatesTest, AreExpertMinusBaseInTheOrderGiven) {
  const auto base = save("base.safetensors", model(1.0));
  const Updates updates(
      base, {{"b", save("b.safetensors", model(1.5))}, {"a", save("a.safetensors", model(0.25))}});
  EXPECT_EQ(updates.tasks(), (std::vector<std::string>{"b", "a"}));
  const Updates::Loaded loaded = updates.load("proj", at::kDouble);
  EXPECT_TRUE(loaded.base.equal(at::full({2, 3}, 1.0, at::kDouble)));
  EXPECT_TRUE(loaded.updates.at(0).dense().equal(at::full({2, 3}, 0.5, at::kDouble)));
  EXPECT_TRUE(loaded.updates.at(1).dense().equal(at::full({2, 3}, -0.75, at::kDouble)));
  EXPECT_EQ(updates.bytes("proj"), 3u * 6u * sizeof(float));
}

TEST_F(UpdatesTest, HalvesAreWidenedBeforeTheSubtraction) {
  const double base = 1.0, step = 0.0009765625;  // 2^-10, one unit of fp16 at 1; the expert is fp32
  const Updates updates(save("base.safetensors", {{"w", at::full({1}, base, at::kHalf)}}),
                        {{"t", save("t.safetensors", {{"w", at::full({1}, base + step / 8)}})}});
  EXPECT_EQ(updates.load("w", at::kFloat).updates[0].dense().item<double>(), step / 8);
}

TEST_F(UpdatesTest, HashesTellEqualExpertsFromOthers) {
  const Updates updates(save("base.safetensors", model(0)),
                        {{"a", save("a.safetensors", model(1))},
                         {"b", save("b.safetensors", model(1))},
                         {"c", save("c.safetensors", model(2))}});
  const auto hashes = updates.load("proj", at::kFloat).hashes;
  EXPECT_EQ(hashes[1], hashes[2]);
  EXPECT_NE(hashes[1], hashes[3]);
  EXPECT_NE(hashes[0], hashes[1]) << "the base's";
}

TEST_F(UpdatesTest, NaNIsReportedWithTensorTaskAndCount) {
  Weights bad = model(1);
  bad["proj"][1][2] = std::numeric_limits<float>::quiet_NaN();
  bad["proj"][0][0] = std::numeric_limits<float>::infinity();
  const Updates updates(
      save("base.safetensors", model(0)),
      {{"good", save("good.safetensors", model(1))}, {"svhn", save("svhn.safetensors", bad)}});
  expect_mentions(error_message([&] { updates.load("proj", at::kFloat); }),
                  {"proj", "2 of 6 entries", "task \"svhn\"", "svhn.safetensors", "NaN or Inf"});
}

TEST_F(UpdatesTest, NaNInTheBaseIsTheBasesFault) {
  Weights bad = model(0);
  bad["bias"][1] = std::numeric_limits<float>::quiet_NaN();
  const Updates updates(save("base.safetensors", bad), {{"t", save("t.safetensors", model(1))}});
  expect_mentions(error_message([&] { updates.load("bias", at::kFloat); }),
                  {"bias", "1 of 3 entries", "base.safetensors"});
}

TEST_F(UpdatesTest, AllFilesWithAnotherLayoutAreReportedTogether) {
  Weights missing = model(1), extra = model(1), misshaped = model(1);
  missing.erase("bias");
  extra["more"] = at::zeros({2});
  misshaped["proj"] = at::zeros({3, 2});
  const auto base = save("base.safetensors", model(0));
  expect_mentions(error_message([&] {
                    Updates(base, {{"a", save("a.safetensors", missing)},
                                   {"b", save("b.safetensors", extra)},
                                   {"c", save("c.safetensors", misshaped)}});
                  }),
                  {"a.safetensors", "missing: bias [3]", "b.safetensors", "extra: more [2]",
                   "c.safetensors", "proj: expected [2, 3], got [3, 2]"});
}

TEST_F(UpdatesTest, TheSameFileGivenTwiceIsRefusedAlsoThroughALink) {
  const auto base = save("base.safetensors", model(0));
  const auto expert = save("a.safetensors", model(1));
  std::filesystem::create_symlink(expert, folder_ / "link.safetensors");
  expect_mentions(error_message([&] {
                    Updates(base, {{"a", expert}, {"b", folder_ / "link.safetensors"}});
                  }),
                  {"link.safetensors", "task \"a\"", "task \"b\""});
  expect_mentions(error_message([&] { Updates(base, {{"a", base}}); }), {"the base"});
  expect_mentions(error_message([&] {
                    Updates(base, {{"a", expert}, {"a", save("b.safetensors", model(2))}});
                  }),
                  {"task \"a\" is given twice"});
  expect_mentions(error_message([&] { Updates(base, {}); }), {"no expert"});
}

TEST_F(UpdatesTest, IntegersMustBeEqualInAllFiles) {
  Weights other = model(1);
  other["ids"] = at::arange(1, 5, at::kLong);
  const auto base = save("base.safetensors", model(0));
  EXPECT_NO_THROW(Updates(base, {{"a", save("a.safetensors", model(1))}}).require_equal("ids"));
  expect_mentions(error_message([&] {
                    Updates(base, {{"a", save("b.safetensors", other)}}).require_equal("ids");
                  }),
                  {"b.safetensors", "ids", "int64"});
}

TEST(RoleRules, MatricesAreExactlyTwoDimensionalAndNotTheTextProjection) {
  const RoleRules rules;
  EXPECT_EQ(rules.role_of({"visual.proj", at::kFloat, {4, 3}}), Role::kMatrix);
  EXPECT_EQ(rules.role_of({"visual.positional_embedding", at::kHalf, {4, 3}}), Role::kMatrix);
  EXPECT_EQ(rules.role_of({"text_projection", at::kFloat, {4, 3}}), Role::kOther);
  EXPECT_EQ(rules.role_of({"model.text_projection.weight", at::kFloat, {4, 3}}), Role::kOther);
  EXPECT_EQ(rules.role_of({"bias", at::kFloat, {4}}), Role::kOther);
  EXPECT_EQ(rules.role_of({"conv1.weight", at::kFloat, {4, 3, 2, 2}}), Role::kOther);
  EXPECT_EQ(rules.role_of({"logit_scale", at::kFloat, {}}), Role::kOther);
  EXPECT_EQ(rules.role_of({"ids", at::kLong, {4, 3}}), Role::kCopied);
}

TEST(RoleRules, VectorsAreWhatIsOneDimensionalAndNeitherExcludedNorAveraged) {
  const RoleRules rules{{"frozen*"}, {"plain*"}};
  EXPECT_TRUE(rules.is_vector({"k.ia3_l", at::kFloat, {4}}));
  EXPECT_FALSE(rules.is_vector({"k.weight", at::kFloat, {4, 1}}));
  EXPECT_FALSE(rules.is_vector({"scale", at::kFloat, {}}));
  EXPECT_FALSE(rules.is_vector({"ids", at::kLong, {4}}));
  EXPECT_FALSE(rules.is_vector({"frozen.ia3_l", at::kFloat, {4}}));
  EXPECT_FALSE(rules.is_vector({"plain.ia3_l", at::kFloat, {4}}));
}

TEST(RoleRules, PackedAttentionIsThreeMatricesOnlyWhereThatIsWanted) {
  const auto info = [](const std::string& name, std::vector<int64_t> shape) {
    TensorInfo made;
    made.name = name;
    made.shape = std::move(shape);
    made.dtype = at::kFloat;
    return made;
  };
  RoleRules rules;
  const TensorInfo packed = info("visual.0.attn.in_proj_weight", {12, 4});
  EXPECT_EQ(rules.parts_of(packed), 1);
  rules.split_attention = true;
  EXPECT_EQ(rules.parts_of(packed), 3);
  EXPECT_EQ(rules.parts_of(info("visual.0.attn.in_proj_weight", {13, 4})), 1);
  EXPECT_EQ(rules.parts_of(info("visual.0.attn.in_proj_bias", {12})), 1);
  EXPECT_EQ(rules.parts_of(info("visual.0.attn.out_proj.weight", {12, 4})), 1);
  rules.average = {"*in_proj*"};
  EXPECT_EQ(rules.parts_of(packed), 1) << "no matrix any more";
}

TEST(RoleRules, GlobsOverrideAndExcludeWins) {
  const RoleRules rules{{"*.proj"}, {"visual.*"}};
  EXPECT_EQ(rules.role_of({"visual.proj", at::kFloat, {4, 3}}), Role::kExcluded);
  EXPECT_EQ(rules.role_of({"visual.out", at::kFloat, {4, 3}}), Role::kOther);
  EXPECT_EQ(rules.role_of({"text.out", at::kFloat, {4, 3}}), Role::kMatrix);
}

TEST(RoleRules, AGlobThatFitsNothingIsASlip) {
  const std::vector<TensorInfo> tensors{{"visual.proj", at::kFloat, {4, 3}}};
  EXPECT_NO_THROW((RoleRules{{"visual.*"}, {}}).require_matches(tensors));
  expect_mentions(error_message([&] {
                    (RoleRules{{"vision.*"}, {}}).require_matches(tensors);
                  }),
                  {"--exclude", "vision.*"});
  expect_mentions(error_message([&] {
                    (RoleRules{{}, {"vision.*"}}).require_matches(tensors);
                  }),
                  {"--average", "vision.*"});
}

TEST(RowBlocks, HoldSome2To17EntriesAndCoverEveryRow) {
  const auto rows_of = [](std::vector<int64_t> shape) {
    return row_blocks({"a", at::kFloat, std::move(shape)});
  };
  const std::vector<RowBlock> embedding = rows_of({49408, 512});
  ASSERT_EQ(embedding.size(), 193u);
  EXPECT_EQ(embedding[1].first, 256);
  EXPECT_EQ(embedding[1].rows, 256);
  for (const auto& [shape, blocks, last] :
       {std::tuple<std::vector<int64_t>, size_t, int64_t>{{1000}, 1, 1000},
        {{3, 1 << 20}, 3, 1},
        {{700, 512}, 3, 188},
        {{}, 1, 1},
        {{0, 5}, 1, 0}}) {
    EXPECT_EQ(rows_of(shape).size(), blocks);
    EXPECT_EQ(rows_of(shape).back().rows, last);
  }
}

}  // namespace
}  // namespace isomerge
