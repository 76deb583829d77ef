#include "analysis/selection.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace isomerge {
namespace {

const std::vector<TensorInfo> kTensors = {{"proj", at::kFloat, {4, 3}},
                                          {"text_projection", at::kFloat, {3, 3}},
                                          {"bias", at::kFloat, {3}},
                                          {"blocks.0.w", at::kFloat, {4, 4}},
                                          {"ids", at::kLong, {2, 2}}};

std::vector<std::string> names(const std::vector<TensorInfo>& infos) {
  std::vector<std::string> out;
  for (const TensorInfo& info : infos) out.push_back(info.name);
  return out;
}

using Names = std::vector<std::string>;

TEST(SelectedMatrices, AreThoseOfMergingUnlessAGlobSaysOtherwise) {
  EXPECT_EQ(names(selected_matrices(kTensors, {})), Names({"proj", "blocks.0.w"}));
  EXPECT_EQ(names(selected_matrices(kTensors, {{"block*", "*.w"}, {}})), Names({"blocks.0.w"}));
  EXPECT_EQ(names(selected_matrices(kTensors, {{}, {"pro*"}})), Names({"blocks.0.w"}));
}

TEST(SelectedFloating, AreAllButTheIntegers) {
  EXPECT_EQ(names(selected_floating(kTensors, {})),
            Names({"proj", "text_projection", "bias", "blocks.0.w"}));
  EXPECT_EQ(names(selected_floating(kTensors, {{"*i*"}, {"*text*"}})), Names({"bias"}));
}

TEST(Selected, AGlobThatFitsNothingIsASlip) {
  expect_mentions(error_message([] {
                    selected_matrices(kTensors, {{"proj", "bias"}, {}});
                  }),
                  {"--include \"bias\"", "matrices"});
  expect_mentions(error_message([] {
                    selected_matrices(kTensors, {{}, {"prj"}});
                  }),
                  {"--exclude \"prj\""});
  expect_mentions(error_message([] { selected_matrices(kTensors, {{}, {"*"}}); }), {"no matrices"});
}

TEST(GroupOf, CutsNamesAtTheirFirstNumber) {
  const std::string name = "visual.transformer.resblocks.3.attn.out_proj.weight";
  EXPECT_EQ(group_of(name, Grouping::kMatrix), name);
  EXPECT_EQ(group_of(name, Grouping::kLayer), "visual.transformer.resblocks.3");
  EXPECT_EQ(group_of(name, Grouping::kModule), "attn.out_proj.weight");
  EXPECT_EQ(group_of(name, Grouping::kModel), "model");
  const std::string t5 = "encoder.block.11.layer.0.SelfAttention.q.weight";
  EXPECT_EQ(group_of(t5, Grouping::kLayer), "encoder.block.11");
  EXPECT_EQ(group_of(t5, Grouping::kModule), "layer.0.SelfAttention.q.weight");
}

TEST(GroupOf, ANameWithoutANumberIsAGroupOfItsOwn) {
  for (const char* name : {"visual.proj", "conv1.weight", "a.3"}) {
    EXPECT_EQ(group_of(name, Grouping::kLayer), name);
    EXPECT_EQ(group_of(name, Grouping::kModule), name);
  }
}

TEST(NaturalOrder, PutsNumbersByTheirValue) {
  std::vector<std::string> all = {"b.10.x", "b.2.x", "b.2", "a", "b.02.y", "b.x", ""};
  std::sort(all.begin(), all.end(), NaturalOrder());
  EXPECT_EQ(all, Names({"", "a", "b.2", "b.2.x", "b.02.y", "b.10.x", "b.x"}));
  EXPECT_FALSE(NaturalOrder()("b.2", "b.2"));
  EXPECT_NE(NaturalOrder()("b.2", "b.02"), NaturalOrder()("b.02", "b.2")) << "not the same name";
}

TEST(GroupMeans, AreOverTheTensorsThatHaveTheValue) {
  const auto means = group_means(
      {{"b.10.w", {8.0, 1.0}}, {"b.2.w", {1.0, {}}}, {"b.2.v", {3.0, {}}}}, Grouping::kLayer);
  ASSERT_EQ(means.size(), 2u);
  EXPECT_EQ(means[0].group, "b.2");
  EXPECT_EQ(means[0].tensors, 2);
  EXPECT_EQ(means[0].values, Values({2.0, {}}));
  EXPECT_EQ(means[1].values, Values({8.0, 1.0}));
  EXPECT_EQ(group_means({{"a", {1.0}}, {"b", {{}}}}, Grouping::kModel)[0].values, Values({1.0}));
}

}  // namespace
}  // namespace isomerge
