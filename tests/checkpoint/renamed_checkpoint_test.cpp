// CLIP's tensors under the other library's names: each one, there and back, and what has none.
#include "checkpoint/renamed_checkpoint.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

uint64_t seed = 1;

at::Tensor weights(at::IntArrayRef shape) { return random_tensor(shape, ++seed).to(at::kFloat); }

// One block of width d under either naming; the two have nothing in common but the tensors.
void add_block(const std::string& openclip, const std::string& hf, int64_t d, Weights* packed,
               Weights* split) {
  const auto both = [&](const std::string& a, const std::string& b, at::IntArrayRef shape) {
    (*split)[hf + b] = (*packed)[openclip + a] = weights(shape);
  };
  for (const char* kind : {"weight", "bias"}) {
    both(fmt::format("ln_1.{}", kind), fmt::format("layer_norm1.{}", kind), {d});
    both(fmt::format("ln_2.{}", kind), fmt::format("layer_norm2.{}", kind), {d});
  }
  both("mlp.c_fc.weight", "mlp.fc1.weight", {4 * d, d});
  both("mlp.c_fc.bias", "mlp.fc1.bias", {4 * d});
  both("mlp.c_proj.weight", "mlp.fc2.weight", {d, 4 * d});
  both("mlp.c_proj.bias", "mlp.fc2.bias", {d});
  both("attn.out_proj.weight", "self_attn.out_proj.weight", {d, d});
  both("attn.out_proj.bias", "self_attn.out_proj.bias", {d});
  const at::Tensor q = weights({d, d}), k = weights({d, d}), v = weights({d, d});
  (*packed)[openclip + "attn.in_proj_weight"] = at::cat({q, k, v});
  (*split)[hf + "self_attn.q_proj.weight"] = q;
  (*split)[hf + "self_attn.k_proj.weight"] = k;
  (*split)[hf + "self_attn.v_proj.weight"] = v;
  const at::Tensor bias = weights({3 * d});
  (*packed)[openclip + "attn.in_proj_bias"] = bias;
  (*split)[hf + "self_attn.q_proj.bias"] = bias.slice(0, 0, d).contiguous();
  (*split)[hf + "self_attn.k_proj.bias"] = bias.slice(0, d, 2 * d).contiguous();
  (*split)[hf + "self_attn.v_proj.bias"] = bias.slice(0, 2 * d, 3 * d).contiguous();
}

class RenamedCheckpointTest : public ::testing::Test {
 protected:
  RenamedCheckpointTest() {
    const auto both = [&](const std::string& a, const std::string& b, at::IntArrayRef shape) {
      hf_[b] = openclip_[a] = weights(shape);
    };
    const std::string tower = "vision_model.", text = "text_model.";
    both("visual.class_embedding", tower + "embeddings.class_embedding", {8});
    both("visual.conv1.weight", tower + "embeddings.patch_embedding.weight", {8, 3, 2, 2});
    both("visual.positional_embedding", tower + "embeddings.position_embedding.weight", {5, 8});
    both("positional_embedding", text + "embeddings.position_embedding.weight", {7, 6});
    both("token_embedding.weight", text + "embeddings.token_embedding.weight", {9, 6});
    both("logit_scale", "logit_scale", {});
    for (const std::string kind : {"weight", "bias"}) {
      both("visual.ln_pre." + kind, tower + "pre_layrnorm." + kind, {8});
      both("visual.ln_post." + kind, tower + "post_layernorm." + kind, {8});
      both("ln_final." + kind, text + "final_layer_norm." + kind, {6});
    }
    openclip_["visual.proj"] = weights({8, 4});
    hf_["visual_projection.weight"] = openclip_["visual.proj"].t().contiguous();
    openclip_["text_projection"] = weights({6, 4});
    hf_["text_projection.weight"] = openclip_["text_projection"].t().contiguous();
    for (const std::string block : {"0", "1", "10"}) {
      add_block("visual.transformer.resblocks." + block + ".",
                "vision_model.encoder.layers." + block + ".", 8, &openclip_, &hf_);
      add_block("transformer.resblocks." + block + ".", "text_model.encoder.layers." + block + ".",
                6, &openclip_, &hf_);
    }
  }

  std::string file(const Weights& tensors) {
    const auto path = folder_ / fmt::format("{}.safetensors", ++files_);
    write_safetensors(path, tensors, {});
    return path.string();
  }

  std::string refusal(const Weights& tensors, Naming to) {
    const Checkpoint from(file(tensors));
    return error_message([&] { RenamedCheckpoint(from, to); });
  }

  static void expect_equal(const RenamedCheckpoint& got, const Weights& want) {
    EXPECT_EQ(got.tensors().size(), want.size());
    for (const TensorInfo& info : got.tensors()) {
      ASSERT_TRUE(want.contains(info.name)) << info.name;
      EXPECT_EQ(info.shape, want.at(info.name).sizes().vec()) << info.name;
      EXPECT_TRUE(got.read(info.name).equal(want.at(info.name))) << info.name;
      EXPECT_TRUE(got.read(info.name).is_contiguous()) << info.name;
    }
  }

  TemporaryFolder folder_;
  Weights openclip_, hf_;
  int files_ = 0;
};

TEST_F(RenamedCheckpointTest, HasEveryTensorOfAWholeModelUnderTheOtherNames) {
  const Checkpoint openclip(file(openclip_)), hf(file(hf_));
  expect_equal({openclip, Naming::kHuggingFace}, hf_);
  expect_equal({hf, Naming::kOpenClip}, openclip_);
}

TEST_F(RenamedCheckpointTest, TakesWhateverPrecedesTheNamesAndPutsAPrefixInFront) {
  Weights tree;
  for (const auto& [name, tensor] : openclip_) tree["model." + name] = tensor;
  const Checkpoint openclip(file(tree)), hf(file(hf_));
  expect_equal({openclip, Naming::kHuggingFace}, hf_);
  expect_equal({hf, Naming::kOpenClip, "model."}, tree);
  expect_mentions(error_message([&] { RenamedCheckpoint(openclip, Naming::kHuggingFace, "m."); }),
                  {"--prefix m.", "have none"});
}

// transformers 5 saves a tower that stands alone without "vision_model.".
TEST_F(RenamedCheckpointTest, TakesATowerThatStandsAlone) {
  Weights bare, tower;
  for (const auto& [name, tensor] : hf_) {
    if (name.starts_with("vision_model.")) bare[name.substr(13)] = tensor;
  }
  for (const auto& [name, tensor] : openclip_) {
    if (name.starts_with("visual.") && name != "visual.proj") tower[name] = tensor;
  }
  const Checkpoint hf(file(bare));
  expect_equal({hf, Naming::kOpenClip}, tower);
}

TEST_F(RenamedCheckpointTest, PositionIdsAreLeftOutOnlyWhereTheyCount) {
  const std::string name = "vision_model.embeddings.position_ids";
  hf_[name] = at::arange(5, at::kLong).unsqueeze(0);
  const Checkpoint counting(file(hf_));
  const RenamedCheckpoint renamed(counting, Naming::kOpenClip);
  EXPECT_EQ(renamed.left_out(), std::vector<std::string>{name});
  expect_equal(renamed, openclip_);
  hf_[name] = at::arange(5, at::kLong).flip(0);
  expect_mentions(refusal(hf_, Naming::kOpenClip), {"1 tensors", name + ": [5]: no counterpart"});
}

TEST_F(RenamedCheckpointTest, EveryTensorWithoutACounterpartIsNamedAtOnce) {
  openclip_["visual.transformer.resblocks.0.ls_1.gamma"] = weights({8});
  openclip_["visual.transformer.resblocks.x.ln_1.bias"] = weights({8});
  openclip_["visual.ln_pre.scale"] = weights({8});
  openclip_["visual.proj"] = weights({8});
  openclip_["head"] = weights({2, 3});
  openclip_["visual.transformer.resblocks.1.attn.in_proj_bias"] = weights({25});
  expect_mentions(refusal(openclip_, Naming::kHuggingFace),
                  {"6 tensors cannot go under HuggingFace's names", "resblocks.0.ls_1.gamma: [8]",
                   "resblocks.x.ln_1.bias", "visual.ln_pre.scale", "visual.proj: [8]",
                   "head: [2, 3]: no counterpart",
                   "1.attn.in_proj_bias: expected q, k and v in equal numbers of rows, got [25]"});
}

TEST_F(RenamedCheckpointTest, QKAndVThatDoNotFitTogetherAreNamed) {
  const std::string block = "vision_model.encoder.layers.1.self_attn.";
  hf_.erase(block + "k_proj.weight");
  hf_[block + "v_proj.bias"] = weights({9});
  hf_["text_model.encoder.layers.0.self_attn.q_proj.bias"] =
      hf_["text_model.encoder.layers.0.self_attn.q_proj.bias"].to(at::kHalf);
  hf_["vision_model.encoder.layers.0.attn.in_proj_weight"] = weights({24, 8});
  expect_mentions(refusal(hf_, Naming::kOpenClip),
                  {"4 tensors", "visual.transformer.resblocks.1.attn.in_proj_weight: not all of q",
                   block + "v_proj.bias: expected fp32 [8] as its neighbours, got fp32 [9]",
                   "text_model.encoder.layers.0.self_attn.", "fp16 [6]",
                   "layers.0.attn.in_proj_weight: [24, 8]: no counterpart"});
}

TEST_F(RenamedCheckpointTest, NamesThatAreAlreadySoOrNoTowersAreRefused) {
  expect_mentions(refusal(hf_, Naming::kHuggingFace), {"HuggingFace's already"});
  expect_mentions(refusal(openclip_, Naming::kOpenClip), {"OpenCLIP's already"});
  expect_mentions(refusal({{"w", at::zeros({2})}}, Naming::kHuggingFace),
                  {"OpenCLIP's names", "[...]visual.conv1.weight"});
}

}  // namespace
}  // namespace isomerge
