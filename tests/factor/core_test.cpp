#include "factor/core.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "factor/factors.h"
#include "merge/iso_c.h"
#include "merge/iso_cts.h"
#include "merge/tsv_m.h"
#include "support/random_tensors.h"

namespace isomerge {
namespace {

class CoreTest : public ::testing::Test {
 protected:
  at::Tensor random(int64_t rows, int64_t columns) {
    return random_tensor({rows, columns}, ++seed_);
  }

  Update factors(int64_t m, int64_t n, int64_t rank) {
    return Update(LowRank{random(m, rank), random(rank, n)});
  }

  std::vector<Update> adapters(int64_t m, int64_t n, int64_t rank, int64_t tasks) {
    std::vector<Update> out;
    for (int64_t t = 0; t < tasks; ++t) out.push_back(factors(m, n, rank));
    return out;
  }

  uint64_t seed_ = 0;
};

std::vector<Update> dense(const std::vector<Update>& updates) {
  std::vector<Update> out;
  for (const Update& update : updates) out.push_back(update.as_dense(at::kDouble));
  return out;
}

TEST_F(CoreTest, HoldsTheUpdatesInOrthonormalBases) {
  for (const auto& [m, n] : {std::pair(40, 30), {30, 40}, {35, 35}}) {
    const auto updates = adapters(m, n, 4, 3);
    const auto core = core_of(updates);
    ASSERT_TRUE(core);
    EXPECT_EQ(core->updates[0].shape(), (std::vector<int64_t>{12, 12}));
    for (const at::Tensor& basis : {core->left, core->right}) {
      EXPECT_LT((at::mm(basis.t(), basis) - at::eye(12, at::kDouble)).abs().max().item<double>(),
                1e-14);
    }
    for (size_t t = 0; t < updates.size(); ++t) {
      EXPECT_LT(relative_error(core->expand(core->updates[t].dense()),
                               updates[t].as_dense(at::kDouble).dense()),
                1e-14);
    }
  }
}

TEST_F(CoreTest, IsNotMadeWhereAnUpdateIsDenseOrNothingIsGained) {
  auto updates = adapters(20, 30, 5, 3);
  EXPECT_TRUE(core_of(updates));
  EXPECT_FALSE(core_of(adapters(20, 30, 5, 4)));
  updates[1] = updates[1].as_dense(at::kDouble);
  EXPECT_FALSE(core_of(updates));
}

// Every matrix rule that may be given cores.
struct Case {
  const char* name;
  std::function<Merged(Factors)> merge;
};

std::vector<Case> rules() {
  std::vector<Case> out = {
      {"tsv_m", [](Factors factors) { return merge_tsv_m(std::move(factors)); }}};
  for (const MethodRank rank : {MethodRank::kShape, MethodRank::kSum}) {
    for (const double share : {0.25, 1.0}) {
      IsoCOptions options;
      options.beta = share;
      options.rank = rank;
      out.push_back(
          {"iso_c", [=](Factors factors) { return merge_iso_c(std::move(factors), options); }});
      options.beta = 1.0;
      options.kept_fraction = share;
      out.push_back(
          {"iso_c", [=](Factors factors) { return merge_iso_c(std::move(factors), options); }});
    }
    for (const double fraction : {0.0, 0.05, 0.5, 0.8, 1.0}) {
      for (const bool isotropic : {true, false}) {
        IsoCtsOptions options{fraction, isotropic};
        options.rank = rank;
        out.push_back({"iso_cts", [=](Factors factors) {
                         return merge_iso_cts(std::move(factors), options);
                       }});
      }
    }
  }
  return out;
}

// In fp64 every rule gives of the core what it gives of the dense updates.
void expect_same(const std::vector<Update>& updates, const std::string& what) {
  const auto core = core_of(updates);
  ASSERT_TRUE(core) << what;
  const int64_t rank = std::min(core->left.size(0), core->right.size(0));
  size_t number = 0;
  for (const Case& rule : rules()) {
    const std::string where = what + ", " + rule.name + " " + std::to_string(number++);
    const Merged wanted = rule.merge(Factors(dense(updates)));
    const Merged exact = rule.merge(Factors(core->updates, rank, Route::kLapack));
    EXPECT_LT(relative_error(core->expand(exact.update), wanted.update), 1e-10) << where;
    EXPECT_EQ(exact.findings.cut, wanted.findings.cut) << where;
    const Merged fast = rule.merge(Factors(core->updates, rank, Route::kGram));
    EXPECT_LT(relative_error(core->expand(fast.update), wanted.update), 1e-6) << where;
  }
}

TEST_F(CoreTest, RulesGiveOfCoresWhatTheyGiveOfDenseUpdates) {
  for (const auto& [m, n] : {std::pair(40, 30), {30, 40}, {36, 36}}) {
    expect_same(adapters(m, n, 4, 3), "of full rank");
  }
}

TEST_F(CoreTest, RulesGiveTheSameOfRepeatedAdapters) {
  auto updates = adapters(40, 32, 4, 2);
  updates.push_back(updates[0]);
  expect_same(updates, "repeated");
}

TEST_F(CoreTest, RulesGiveTheSameOfDeficientAdapters) {
  auto updates = adapters(40, 32, 4, 3);
  LowRank flat = updates[1].factors();
  flat.b.select(1, 2).copy_(flat.b.select(1, 0) * 2.0);
  flat.a.select(0, 3).zero_();
  updates[1] = Update(flat);
  expect_same(updates, "deficient");
}

TEST_F(CoreTest, RulesGiveTheSameWhereOneTaskChangesNothing) {
  auto updates = adapters(40, 32, 4, 3);
  updates[2] = Update(LowRank{random(40, 4).zero_(), random(4, 32)});
  expect_same(updates, "without a change");
}

TEST_F(CoreTest, RanksOfTasksMayDiffer) {
  expect_same({factors(40, 32, 2), factors(40, 32, 5), factors(40, 32, 1)}, "of several ranks");
}

// A core of order 4 of a weight with r = 100: what counts as zero is that weight's to say.
TEST_F(CoreTest, TheRankOfTheSumIsCountedAsForTheWholeWeight) {
  constexpr double kEps = std::numeric_limits<float>::epsilon();
  at::Tensor sum = at::zeros({4, 4}, at::kDouble);
  const double values[] = {1.0, 30.0 * kEps, 5.0 * kEps, 0.0};  // the threshold is 10 eps
  for (int64_t i = 0; i < 4; ++i) sum[i][i] = values[i];
  for (const Route route : {Route::kLapack, Route::kGram}) {
    EXPECT_EQ(Factors({Update(sum)}, 100, route).rank_of_sum(), 2);
  }
}

}  // namespace
}  // namespace isomerge
