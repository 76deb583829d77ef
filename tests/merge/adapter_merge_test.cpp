// Merges of adapters through the executor: factor space against dense experts.
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/mm.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "config/method_info.h"
#include "merge/executor.h"
#include "merge/method.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

constexpr int kTasks = 3, kRank = 3;
const std::string kConfig = R"({"peft_type": "LORA", "r": 3, "lora_alpha": 6})";

// A base with two matrices that adapters change, one that they do not, and a vector.
class AdapterMergeTest : public ::testing::Test {
 protected:
  AdapterMergeTest() {
    const Weights base = {{"block.q.weight", random(24, 20)},
                          {"block.v.weight", random(20, 24)},
                          {"block.w.weight", random(6, 5)},
                          {"block.norm", random(1, 5)[0]}};
    write_safetensors(folder_ / "base.safetensors", base);
    for (int t = 0; t < kTasks; ++t) {
      const std::string task(1, static_cast<char>('a' + t));
      Weights factors, expert = base;
      for (const std::string name : {"q", "v"}) {
        const at::Tensor& weight = base.at("block." + name + ".weight");
        const at::Tensor b = random(weight.size(0), kRank), a = random(kRank, weight.size(1));
        factors["base_model.model.block." + name + ".lora_A.weight"] = a;
        factors["base_model.model.block." + name + ".lora_B.weight"] = b;
        expert["block." + name + ".weight"] = weight + at::mm(b, a) * 2.0;
      }
      const auto folder = folder_ / ("adapter_" + task);
      std::filesystem::create_directories(folder);
      write_text_file(folder / "adapter_config.json", kConfig);
      write_safetensors(folder / "adapter_model.safetensors", factors);
      adapters_.push_back({task, folder});
      write_safetensors(folder_ / (task + ".safetensors"), expert);
      experts_.push_back({task, folder_ / (task + ".safetensors")});
    }
  }

  at::Tensor random(int64_t rows, int64_t columns) {
    return random_tensor({rows, columns}, ++seed_);  // fp64: the dense experts are exact
  }

  Weights merged(const std::vector<Expert>& experts, const std::string& method, Options options,
                 at::ScalarType dtype, int threads = 1) {
    Weights out;
    MergeSettings settings;
    settings.dtype = dtype;
    settings.threads = threads;
    options = resolve_options(require_method_info(method), options);
    merge_tensors(Updates(folder_ / "base.safetensors", experts),
                  require_method(method).rules(options, {}), settings,
                  [&](MergedTensor tensor) { out[tensor.info.name] = tensor.update; });
    return out;
  }

  TemporaryFolder folder_;
  std::vector<Expert> adapters_, experts_;
  uint64_t seed_ = 0;
};

const std::vector<std::pair<std::string, Options>> kMethods = {
    {"average", {}},
    {"task_arithmetic", {}},
    {"ties", {{"keep", 0.5}}},
    {"dare", {}},
    {"dare_ties", {{"keep", 0.7}}},
    {"knots_ties", {{"keep", 0.3}}},
    {"knots_dare_ties", {}},
    {"consensus_ta", {}},
    {"tsv_m", {}},
    {"iso_c", {}},
    {"iso_c", {{"r", std::string("sum")}}},
    {"iso_c", {{"null", std::string("fill")}}},
    {"iso_cts", {}},
    {"iso_cts", {{"r", std::string("sum")}}},
};

TEST_F(AdapterMergeTest, EveryMethodGivesOfAdaptersWhatItGivesOfDenseExperts) {
  for (const auto& [method, options] : kMethods) {
    const Weights wanted = merged(experts_, method, options, at::kDouble);
    const Weights exact = merged(adapters_, method, options, at::kDouble);
    for (const auto& [name, update] : wanted) {
      const bool is_arbitrary =
          options.contains("null");  // vectors of null directions are LAPACK's
      EXPECT_LT(is_arbitrary ? 0.0 : relative_error(exact.at(name), update), 1e-10)
          << method << name;
      EXPECT_EQ(exact.at(name).sizes(), update.sizes());
    }
  }
}

TEST_F(AdapterMergeTest, SinglePrecisionStaysNear) {
  for (const std::string method : {"knots_ties", "tsv_m", "iso_c", "iso_cts", "task_arithmetic"}) {
    const Weights wanted = merged(adapters_, method, {}, at::kDouble);
    const Weights found = merged(adapters_, method, {}, at::kFloat);
    for (const auto& [name, update] : wanted) {
      EXPECT_LT(relative_error(found.at(name), update), 1e-5) << method << name;
      EXPECT_EQ(found.at(name).scalar_type(), at::kFloat);
    }
  }
}

TEST_F(AdapterMergeTest, ThreadsDoNotChangeABit) {
  for (const std::string method : {"knots_ties", "knots_dare_ties", "iso_cts"}) {
    const Weights one = merged(adapters_, method, {}, at::kFloat, 1);
    const Weights four = merged(adapters_, method, {}, at::kFloat, 4);
    for (const auto& [name, update] : one) EXPECT_TRUE(four.at(name).equal(update)) << name;
  }
}

TEST_F(AdapterMergeTest, KnotsWithoutTrimAndSignsIsTaskArithmetic) {
  const Weights sum = merged(adapters_, "task_arithmetic", {}, at::kDouble);
  // One task: nothing to elect, and the sum of one.
  const Weights one = merged({adapters_[0]}, "knots_ties", {{"keep", 1.0}}, at::kDouble);
  const Weights alone = merged({adapters_[0]}, "task_arithmetic", {}, at::kDouble);
  EXPECT_LT(relative_error(one.at("block.q.weight"), alone.at("block.q.weight")), 1e-12);
  EXPECT_GT(relative_error(sum.at("block.q.weight"), alone.at("block.q.weight")), 0.1);
}

TEST_F(AdapterMergeTest, AdaptersAndDenseExpertsMayBeMixed) {
  const std::vector<Expert> mixed = {adapters_[0], experts_[1], adapters_[2]};
  for (const std::string method : {"iso_c", "knots_ties", "ties"}) {
    const Weights wanted = merged(experts_, method, {}, at::kDouble);
    const Weights found = merged(mixed, method, {}, at::kDouble);
    for (const auto& [name, update] : wanted) {
      EXPECT_LT(relative_error(found.at(name), update), 1e-10) << method << name;
    }
  }
}

// What is held of a matrix and what it costs is that of its core, unless a rule needs it dense.
TEST_F(AdapterMergeTest, PlansCountTheFactorsOfAdapters) {
  const auto memory = [&](const std::vector<Expert>& experts, const Options& given) {
    const Updates updates(folder_ / "base.safetensors", experts);
    const Options options = resolve_options(require_method_info("iso_c"), given);
    const std::vector<MergePoint> points = {
        point_of_all(require_method("iso_c").rules(options, {}), updates)};
    for (const Piece& piece : cut_into_pieces(updates, points, {}, 1)) {
      if (piece.info.name != "block.q.weight") continue;
      return std::pair(memory_of(piece, points, kTasks, at::kDouble), piece.low_rank);
    }
    return std::pair(uint64_t{0}, int64_t{-1});
  };
  const auto [dense, no_rank] = memory(experts_, {});
  const auto [low, rank] = memory(adapters_, {});
  EXPECT_EQ(no_rank, 0);
  EXPECT_EQ(rank, kTasks * kRank);
  EXPECT_LT(low, dense);
  EXPECT_EQ(memory({adapters_[0], experts_[1]}, {}).second, 0);
  const Options fill = {{"null", std::string("fill")}};
  EXPECT_EQ(memory(adapters_, fill).first, memory(experts_, fill).first);
}

TEST_F(AdapterMergeTest, TensorsThatNoAdapterChangesAreReportedAndStay) {
  const Updates updates(folder_ / "base.safetensors", adapters_);
  EXPECT_TRUE(updates.is_unchanged("block.w.weight"));
  EXPECT_FALSE(updates.is_unchanged("block.q.weight"));
  const Rules rules =
      require_method("iso_c").rules(resolve_options(require_method_info("iso_c"), {}), {});
  const MergeSummary summary = merge_tensors(updates, rules, {}, [](const MergedTensor&) {});
  EXPECT_EQ(summary.zero_updates, 2);
}

}  // namespace
}  // namespace isomerge
