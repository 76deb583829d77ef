// What a dry run says of checkpoints that no machine at hand could merge.
#include <chrono>
#include <cstring>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "checkpoint/safetensors_header.h"
#include "checkpoint/shard_index.h"
#include "support/expect_error.h"
#include "support/program.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

// The tensors of a language model of 70 billion weights with grouped queries.
std::vector<TensorInfo> large_model() {
  constexpr int64_t kWidth = 8192, kInner = 28672, kGrouped = 1024, kWords = 32000;
  std::vector<TensorInfo> tensors{{"model.embed_tokens.weight", at::kBFloat16, {kWords, kWidth}}};
  const std::vector<std::pair<const char*, std::vector<int64_t>>> layer = {
      {"self_attn.q_proj", {kWidth, kWidth}},   {"self_attn.k_proj", {kGrouped, kWidth}},
      {"self_attn.v_proj", {kGrouped, kWidth}}, {"self_attn.o_proj", {kWidth, kWidth}},
      {"mlp.gate_proj", {kInner, kWidth}},      {"mlp.up_proj", {kInner, kWidth}},
      {"mlp.down_proj", {kWidth, kInner}},      {"input_layernorm", {kWidth}},
      {"post_attention_layernorm", {kWidth}}};
  for (int i = 0; i < 80; ++i) {
    for (const auto& [name, shape] : layer) {
      tensors.push_back({fmt::format("model.layers.{}.{}.weight", i, name), at::kBFloat16, shape});
    }
  }
  tensors.push_back({"lm_head.weight", at::kBFloat16, {kWords, kWidth}});
  return tensors;
}

class LargeModelPlan : public ::testing::Test {
 protected:
  // Thirty shards of headers; behind them a hole as large as the data, or nothing.
  void write_model(const std::string& name, bool has_data) {
    constexpr size_t kShards = 30;
    const std::vector<TensorInfo> all = large_model();
    const size_t step = all.size() / kShards + 1;
    WeightMap map;
    for (size_t first = 0; first < all.size(); first += step) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
      const std::vector<TensorInfo> part(
          begin, begin + static_cast<std::ptrdiff_t>(std::min(step, all.size() - first)));
      const std::string shard = fmt::format("model-{:05}.safetensors", first / step);
      std::string text = safetensors_header_text(part, {});
      const uint64_t length = text.size();
      text.insert(0, sizeof length, '\0');
      std::memcpy(text.data(), &length, sizeof length);
      folder_.write(name + "/" + shard, text);
      uint64_t size = text.size();
      for (const TensorInfo& info : part) {
        map[info.name] = shard;
        size += info.bytes();
      }
      if (has_data) std::filesystem::resize_file(folder_ / (name + "/" + shard), size);
    }
    folder_.write(name + "/model.safetensors.index.json", shard_index_text(map, 0));
  }

  std::string index(const std::string& name) const {
    return (folder_ / (name + "/model.safetensors.index.json")).string();
  }

  std::vector<std::string> words(const std::vector<std::string>& more) const {
    std::vector<std::string> all{"merge",
                                 "--method",
                                 "iso_c",
                                 "--base",
                                 index("base"),
                                 "--expert",
                                 "a=" + index("a"),
                                 "--expert",
                                 "b=" + index("b"),
                                 "--out",
                                 (folder_ / "merged/").string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  TemporaryFolder folder_;
};

TEST_F(LargeModelPlan, IsReadyWithinSecondsAndNamesTheTensorThatNeedsMostMemory) {
  for (const char* name : {"base", "a", "b"}) {
    std::filesystem::create_directories(folder_ / name);
    write_model(name, true);
  }
  const auto start = std::chrono::steady_clock::now();
  const ProgramResult result = run_isomerge(words({"--dry-run", "--json"}));
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_LT(elapsed.count(), 10.0);  // 2 on an idle machine
  const auto plan = nlohmann::json::parse(result.out);
  EXPECT_EQ(plan.at("tensors").size(), 722U);
  EXPECT_EQ(plan.at("compared"), false);
  EXPECT_EQ(plan.at("largest"), "model.embed_tokens.weight");
  // Two updates, the base and the result of the embedding in fp32, at least.
  EXPECT_GT(plan.at("memory").get<uint64_t>(), uint64_t{4} * 4 * 32000 * 8192);
  EXPECT_TRUE(plan.at("files_without_data").empty());
}

TEST_F(LargeModelPlan, SaysWhichDataIsNotThereWhereAMergeRefuses) {
  for (const char* name : {"base", "a", "b"}) {
    std::filesystem::create_directories(folder_ / name);
    write_model(name, std::string(name) != "b");
  }
  const ProgramResult plan = run_isomerge(words({"--dry-run"}));
  ASSERT_EQ(plan.exit_code, 0) << plan.err;
  expect_mentions(plan.out, {"most memory for one tensor", "data missing", "b/model-00000",
                             "from headers alone"});
  const ProgramResult merge = run_isomerge(words({}));
  EXPECT_EQ(merge.exit_code, 2);
  expect_mentions(merge.err, {"b/model-00000", "the download is incomplete"});
}

}  // namespace
}  // namespace isomerge
