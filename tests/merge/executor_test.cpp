#include "merge/executor.h"

#include <map>
#include <optional>

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "config/method_info.h"
#include "merge/method.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

Weights model(uint64_t seed) {
  Weights weights{{"logit_scale", at::full({}, 4.6)}, {"ids", at::arange(3, at::kLong)}};
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    weights[std::string(name) + ".weight"] = random_tensor({6, 5}, seed++).to(at::kFloat);
    weights[std::string(name) + ".bias"] = random_tensor({6}, seed++).to(at::kFloat);
  }
  weights["frozen"] = random_tensor({4, 4}, 1).to(at::kFloat);
  return weights;
}

// Iso-CTS leaves half of the directions to the tasks.
Rules rules_of(const std::string& method, Options given = {}) {
  if (method == "iso_cts") given.insert({"common_fraction", 0.5});
  if (method == "tall_mask") given.insert({"task", "task100"});
  return require_method(method).rules(resolve_options(require_method_info(method), given));
}

class ExecutorTest : public ::testing::Test {
 protected:
  ExecutorTest() {
    write_safetensors(folder_ / "base.safetensors", model(1000));
    for (const uint64_t seed : {100u, 200u, 300u}) {
      const auto path = folder_ / (std::to_string(seed) + ".safetensors");
      write_safetensors(path, model(seed));
      experts_.push_back({"task" + std::to_string(seed), path});
    }
  }

  std::map<std::string, MergedTensor> merge(const std::string& method, MergeSettings settings,
                                            MergeSummary* summary = nullptr) {
    std::map<std::string, MergedTensor> out;
    std::vector<std::string> order;
    const Updates updates(folder_ / "base.safetensors", experts_);
    const MergeSummary got =
        merge_tensors(updates, rules_of(method), settings, [&](MergedTensor tensor) {
          order.push_back(tensor.info.name);
          out[tensor.info.name] = std::move(tensor);
        });
    std::vector<std::string> want;
    for (const TensorInfo& info : updates.tensors()) want.push_back(info.name);
    EXPECT_EQ(order, want) << "in file order";
    if (summary != nullptr) *summary = got;
    return out;
  }

  // The update a rule would see, from the files.
  std::vector<Update> updates_of(const std::string& name) {
    return Updates(folder_ / "base.safetensors", experts_).load(name, at::kFloat).updates;
  }

  TemporaryFolder folder_;
  std::vector<Expert> experts_;
};

TEST_F(ExecutorTest, TheSvdFamilyTakesTheMeanOfWhatIsNoMatrix) {
  for (const char* method : {"tsv_m", "iso_c", "iso_cts"}) {
    const auto merged = merge(method, {});
    EXPECT_TRUE(merged.at("a.bias").update.equal(mean_of_updates(updates_of("a.bias")))) << method;
    EXPECT_FALSE(merged.at("a.weight").update.equal(mean_of_updates(updates_of("a.weight"))));
    EXPECT_EQ(merged.at("a.weight").role, Role::kMatrix);
    EXPECT_EQ(merged.at("logit_scale").role, Role::kOther);
  }
}

TEST_F(ExecutorTest, TaskArithmeticSumsAndAverageAveragesEveryTensor) {
  for (const char* name : {"a.weight", "a.bias"}) {
    EXPECT_TRUE(
        merge("task_arithmetic", {}).at(name).update.equal(sum_of_updates(updates_of(name))));
    EXPECT_TRUE(merge("average", {}).at(name).update.equal(mean_of_updates(updates_of(name))));
  }
}

TEST_F(ExecutorTest, ResultsDoNotDependOnTheNumberOfThreads) {
  MergeSettings one, many;
  many.threads = 4;
  const auto want = merge("iso_cts", one), got = merge("iso_cts", many);
  for (const auto& [name, tensor] : want) {
    if (tensor.role == Role::kCopied) continue;
    EXPECT_TRUE(got.at(name).update.equal(tensor.update)) << name;
  }
}

TEST_F(ExecutorTest, ExcludedTensorsKeepTheBaseAndAveragedMatricesGetTheMean) {
  MergeSettings settings;
  settings.roles = {{"b.*"}, {"c.weight"}};
  MergeSummary summary;
  const auto merged = merge("iso_c", settings, &summary);
  EXPECT_EQ(merged.at("b.weight").update.count_nonzero().item<int64_t>(), 0);
  EXPECT_EQ(merged.at("b.bias").update.count_nonzero().item<int64_t>(), 0);
  EXPECT_TRUE(merged.at("c.weight").update.equal(mean_of_updates(updates_of("c.weight"))));
  EXPECT_EQ(summary.excluded, 2);
  EXPECT_EQ(summary.copied, 1);
  EXPECT_EQ(summary.matrices, 4) << "a, d, e and frozen";
  EXPECT_EQ(summary.others, 6) << "four biases, c.weight, logit_scale";
  EXPECT_EQ(summary.zero_updates, 2) << "frozen and logit_scale";
}

TEST_F(ExecutorTest, ATensorThatNoTaskChangedHasAZeroMergedUpdate) {
  const auto merged = merge("iso_c", {});
  EXPECT_EQ(merged.at("frozen").update.count_nonzero().item<int64_t>(), 0);
  EXPECT_TRUE(merged.at("frozen").base.equal(model(1000).at("frozen")));
}

// A tensor of several blocks, for every element-wise method: the same as by hand, and from the
// executor in one piece per block.
TEST_F(ExecutorTest, LargeTensorsGoByBlocksAndComeOutWhole) {
  const int64_t rows = 3 * row_blocks({"", at::kFloat, {1 << 20, 300}})[0].rows / 2;
  const auto large = [&](uint64_t seed) {
    return Weights{{"large.weight", random_tensor({rows, 300}, seed).to(at::kFloat)}};
  };
  write_safetensors(folder_ / "base.safetensors", large(1));
  for (const uint64_t seed : {100u, 200u, 300u}) {
    write_safetensors(folder_ / (std::to_string(seed) + ".safetensors"), large(seed));
  }
  MergeSettings settings;
  settings.threads = 2;
  const auto merged = merge("task_arithmetic", settings);
  EXPECT_TRUE(merged.at("large.weight").update.equal(sum_of_updates(updates_of("large.weight"))));
  int pieces = 0;
  const Updates updates(folder_ / "base.safetensors", experts_);
  merge_points(updates, {point_of_all(require_method("task_arithmetic").rules({}), updates)},
               settings, [&](size_t, const MergedPiece&) { ++pieces; });
  EXPECT_EQ(pieces, 2);
}

TEST_F(ExecutorTest, AMatrixThatNoExpertChangedGoesByBlocks) {
  const TensorInfo info{"frozen.weight", at::kFloat, {1 << 10, 300}};
  const Weights frozen{{info.name, random_tensor(info.shape, 1).to(at::kFloat)}};
  write_safetensors(folder_ / "base.safetensors", frozen);
  for (const uint64_t seed : {100u, 200u, 300u}) {
    write_safetensors(folder_ / (std::to_string(seed) + ".safetensors"), frozen);
  }
  MergeSummary summary;
  const Updates updates(folder_ / "base.safetensors", experts_);
  const std::vector<Piece> pieces =
      cut_into_pieces(updates, {point_of_all(rules_of("iso_c"), updates)}, {}, 2);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_TRUE(pieces[0].is_unchanged);
  EXPECT_EQ(pieces[2].first + pieces[2].rows, 1 << 10);
  const auto merged = merge("iso_c", {}, &summary);
  EXPECT_EQ(merged.at(info.name).update.count_nonzero().item<int64_t>(), 0);
  EXPECT_TRUE(merged.at(info.name).base.equal(frozen.at(info.name)));
  EXPECT_EQ(summary.zero_updates, 1);
  EXPECT_EQ(summary.matrices, 1);
}

TEST_F(ExecutorTest, ABoundOnMemoryChangesNothingButATooSmallOneIsRefused) {
  MergeSettings settings;
  settings.threads = 3;
  const auto want = merge("iso_cts", settings);
  settings.max_memory = uint64_t{8} << 30;
  const auto got = merge("iso_cts", settings);
  EXPECT_TRUE(got.at("a.weight").update.equal(want.at("a.weight").update));
  settings.max_memory = 1 << 20;
  expect_mentions(error_message([&] { merge("iso_cts", settings); }),
                  {"--max-memory 1.0 MiB is not enough", "3 tasks", "needs"});
}

TEST_F(ExecutorTest, IntegersAreCopied) {
  const auto merged = merge("iso_c", {});
  EXPECT_TRUE(merged.at("ids").base.equal(at::arange(3, at::kLong)));
  EXPECT_FALSE(merged.at("ids").update.defined());
}

TEST_F(ExecutorTest, IntegersThatDifferAreRefused) {
  Weights other = model(100);
  other["ids"] = at::arange(1, 4, at::kLong);
  write_safetensors(folder_ / "100.safetensors", other);
  expect_mentions(error_message([&] { merge("average", {}); }), {"100.safetensors", "ids"});
}

TEST_F(ExecutorTest, AGlobThatFitsNothingIsRefused) {
  MergeSettings settings;
  settings.roles.exclude = {"nothing.*"};
  expect_mentions(error_message([&] { merge("average", settings); }), {"--exclude", "nothing.*"});
}

TEST_F(ExecutorTest, ComputesInTheDtypeAskedFor) {
  MergeSettings settings;
  settings.dtype = at::kDouble;
  EXPECT_EQ(merge("iso_c", settings).at("a.weight").update.scalar_type(), at::kDouble);
}

TEST_F(ExecutorTest, EqualExpertsAreNoticed) {
  std::filesystem::copy(folder_ / "100.safetensors", folder_ / "copy.safetensors");
  experts_.push_back({"copy", folder_ / "copy.safetensors"});
  MergeSummary summary;
  merge("average", {}, &summary);
  ASSERT_EQ(summary.equal_experts.size(), 1u);
  EXPECT_EQ(summary.equal_experts[0], (std::pair<std::string, std::string>("task100", "copy")));
}

TEST_F(ExecutorTest, RankDeficientSumsAreReportedByName) {
  experts_.resize(1);
  Weights low = model(1000);
  low["a.weight"] = low["a.weight"].clone();
  low["a.weight"][0][0].add_(1.0);
  write_safetensors(folder_ / "100.safetensors", low);
  MergeSummary summary;
  merge("iso_c", {}, &summary);
  ASSERT_EQ(summary.findings.size(), 1u);
  EXPECT_EQ(summary.findings[0].first, "a.weight");
  EXPECT_EQ(summary.findings[0].second.cut, 4);
}

TEST_F(ExecutorTest, AFailureNamesTheTensorOnceAndStopsTheMerge) {
  Weights bad = model(100);
  bad["c.weight"][0][0] = std::numeric_limits<float>::quiet_NaN();
  write_safetensors(folder_ / "100.safetensors", bad);
  const std::string message = error_message([&] { merge("iso_c", {}); });
  expect_mentions(message, {"c.weight", "task \"task100\""});
  EXPECT_EQ(message.find("c.weight"), message.rfind("c.weight"));
}

TEST_F(ExecutorTest, AFailureOfTheSinkIsPassedOn) {
  const Updates updates(folder_ / "base.safetensors", experts_);
  const Rules rules = rules_of("average");
  MergeSettings settings;
  settings.threads = 3;
  EXPECT_THROW(merge_points(updates, {point_of_all(rules, updates)}, settings,
                            [](size_t, const MergedPiece&) { throw machine_error("disk full"); }),
               Error);
}

// Every method over all tasks and over two of them, in one pass, against one merge each.
TEST_F(ExecutorTest, PointsOfOnePassEqualMergesOneByOne) {
  const std::vector<std::string> names = {"iso_cts", "tsv_m",           "iso_c",     "average",
                                          "ties",    "task_arithmetic", "dare_ties", "tall_mask"};
  const std::vector<std::vector<size_t>> subsets = {{0, 1, 2}, {2, 0}};
  const Updates updates(folder_ / "base.safetensors", experts_);
  std::vector<MergePoint> points;
  for (const std::string& name : names) {
    for (const auto& tasks : subsets) points.push_back({rules_of(name), tasks});
  }
  MergeSettings settings;
  settings.threads = 2;
  std::vector<Weights> merged(points.size());
  const auto summaries =
      merge_points(updates, points, settings, [&](size_t point, const MergedPiece& part) {
        if (part.piece.role == Role::kCopied) return;
        at::Tensor& whole = merged[point][part.piece.info.name];
        const at::Tensor rows = part.update.reshape({-1});
        whole = whole.defined() ? at::cat({whole, rows}) : rows;
      });
  int64_t shared = 0;
  for (size_t p = 0; p < points.size(); ++p) {
    std::vector<Expert> experts;
    for (const size_t t : points[p].tasks) experts.push_back(experts_[t]);
    const std::string& name = names[p / subsets.size()];
    const MergeSummary alone = merge_tensors(
        Updates(folder_ / "base.safetensors", experts), rules_of(name), {},
        [&](const MergedTensor& tensor) {
          if (tensor.role == Role::kCopied) return;
          EXPECT_LE(relative_error(merged[p].at(tensor.info.name), tensor.update.reshape({-1})),
                    1e-6)
              << name << ", " << tensor.info.name;
        });
    EXPECT_EQ(summaries[p].expert_hashes, alone.expert_hashes) << name;
    EXPECT_EQ(summaries[p].base_hash, alone.base_hash);
    EXPECT_EQ(summaries[p].matrices, alone.matrices);
    EXPECT_EQ(summaries[p].zero_updates, alone.zero_updates) << name;
    EXPECT_EQ(alone.shared_factors, 0);
    shared += summaries[p].shared_factors;
  }
  EXPECT_GT(shared, 0);
}

TEST(Methods, TheNullOptionReachesEveryRuleThatHasIt) {
  const std::vector<Update> low{
      Update(at::matmul(random_tensor({8, 1}, 1), random_tensor({1, 8}, 2))),
      Update(random_tensor({8, 8}, 3).mul(1e-3))};
  const auto merged = [&](const std::string& method, const std::string& null) {
    const Rules rules = rules_of(method, {{"null", null}});
    return rules.matrix(method == "iso_c" ? std::vector<Update>{low[0]} : low, {}).update;
  };
  for (const char* method : {"tsv_m", "iso_c", "iso_cts"}) {
    const double difference = relative_error(merged(method, "fill"), merged(method, "zero"));
    EXPECT_GT(difference, 1e-6) << method;
  }
}

TEST(Methods, TheAblationsReachTheirRules) {
  const std::vector<Update> updates = random_updates(8, 9, 2, 4);
  const auto merged = [&](const std::string& method, const Options& options) {
    return rules_of(method, options).matrix(updates, {}).update;
  };
  const at::Tensor sum = sum_of_updates(updates);
  EXPECT_LE(relative_error(merged("iso_c", {{"beta", 0.0}}), sum), 1e-12);
  EXPECT_EQ(merged("iso_c", {{"kept_fraction", 0.0}}).count_nonzero().item<int64_t>(), 0);
  const Options uneven{{"common_fraction", 1.0}, {"isotropic", false}};
  EXPECT_LE(relative_error(merged("iso_cts", uneven), sum), 1e-12);
}

TEST(Methods, UnknownOnesAreRefusedWithTheNearest) {
  expect_mentions(error_message([] { require_method("iso_ct"); }), {"iso_ct", "nearest: \"iso_c"});
  expect_mentions(error_message([] { require_method("zero_shot"); }), {"zero_shot"});
}

// Files with packed attention, and the same weights with q, k and v in tensors of their own.
class AttentionTest : public ::testing::Test {
 protected:
  AttentionTest() {
    write("base", 1000);
    for (const uint64_t seed : {100u, 200u, 300u}) {
      write(std::to_string(seed), seed);
      tasks_.push_back(std::to_string(seed));
    }
  }

  void write(const std::string& name, uint64_t seed) {
    const at::Tensor packed = random_tensor({12, 7}, seed).to(at::kFloat);
    const at::Tensor bias = random_tensor({12}, seed + 1).to(at::kFloat);
    write_safetensors(folder_ / (name + "_packed.safetensors"),
                      {{"attn.in_proj_bias", bias}, {"attn.in_proj_weight", packed}});
    Weights parts;
    for (int64_t i = 0; i < 3; ++i) {
      const std::string part = std::string(1, "qkv"[i]) + "_proj.";
      parts[part + "weight"] = packed.narrow(0, 4 * i, 4).contiguous();
      parts[part + "bias"] = bias.narrow(0, 4 * i, 4).contiguous();
    }
    write_safetensors(folder_ / (name + "_apart.safetensors"), parts);
  }

  Weights merge(const std::string& method, const std::string& kind, bool split,
                const std::string& cache = "") {
    std::vector<Expert> experts;
    for (const std::string& task : tasks_) {
      experts.push_back({"t" + task, folder_ / (task + "_" + kind + ".safetensors")});
    }
    MergeSettings settings;
    settings.roles.split_attention = split;
    std::optional<FactorCache> factors;
    if (!cache.empty()) factors.emplace(folder_ / cache);
    settings.cache = factors ? &*factors : nullptr;
    Weights out;
    summary_ = merge_tensors(Updates(folder_ / ("base_" + kind + ".safetensors"), experts),
                             rules_of(method), settings,
                             [&](MergedTensor tensor) { out[tensor.info.name] = tensor.update; });
    return out;
  }

  TemporaryFolder folder_;
  std::vector<std::string> tasks_;
  MergeSummary summary_;
};

TEST_F(AttentionTest, SplitIsWhatTensorsOfTheirOwnGive) {
  for (const char* method : {"average", "task_arithmetic", "ties", "tsv_m", "iso_c", "iso_cts"}) {
    Weights apart = merge(method, "apart", false);
    const Weights split = merge(method, "packed", true);
    EXPECT_EQ(summary_.matrices, 1) << "tensors, not their parts";
    for (const char* what : {"weight", "bias"}) {
      const at::Tensor wanted =
          at::cat({apart[std::string("q_proj.") + what], apart[std::string("k_proj.") + what],
                   apart[std::string("v_proj.") + what]});
      EXPECT_TRUE(at::equal(split.at(std::string("attn.in_proj_") + what), wanted))
          << method << " " << what;
    }
  }
}

TEST_F(AttentionTest, PackedIsAnotherMergeAndTheDefault) {
  const MergeSettings settings;
  EXPECT_FALSE(settings.roles.split_attention);
  const at::Tensor packed = merge("iso_c", "packed", false).at("attn.in_proj_weight");
  const at::Tensor split = merge("iso_c", "packed", true).at("attn.in_proj_weight");
  EXPECT_GT(relative_error(split, packed), 1e-2);
}

TEST_F(AttentionTest, PartsHaveFactorsOfTheirOwnInTheCache) {
  const at::Tensor plain = merge("iso_cts", "packed", true).at("attn.in_proj_weight");
  for (int round = 0; round < 2; ++round) {
    const at::Tensor cached = merge("iso_cts", "packed", true, "cache").at("attn.in_proj_weight");
    EXPECT_LE(relative_error(cached, plain), 1e-6) << round;
  }
}

}  // namespace
}  // namespace isomerge
