// The paper's ablations of Iso-C: how far the spectrum is flattened, and how much of it is kept.
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/matmul.h>
#include <gtest/gtest.h>

#include "linalg/polar.h"
#include "linalg/svd.h"
#include "merge/iso_c.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/spectrum.h"

namespace isomerge {
namespace {

constexpr double kTight = 1e-12;  // as in iso_c_test.cpp

bool same_bytes(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && at::equal(a, b);
}

Factors in_fp32(const std::vector<Update>& updates) {
  std::vector<Update> out;
  for (const Update& update : updates) out.emplace_back(update.dense().to(at::kFloat));
  return Factors(out);
}

// Wide, tall, square, and of rank 3.
std::vector<std::vector<Update>> updates_of_every_shape() {
  const at::Tensor low = at::matmul(random_tensor({20, 3}, 24), random_tensor({3, 16}, 25));
  return {random_updates(20, 30, 3, 21),
          random_updates(30, 20, 3, 22),
          random_updates(16, 16, 2, 23),
          {Update(low), Update(low.mul(-0.25))}};
}

TEST(IsoCAblation, BetaOfZeroIsTheSum) {
  for (const auto& updates : updates_of_every_shape()) {
    const Merged merged = merge_iso_c(updates, {.beta = 0.0});
    EXPECT_LE(relative_error(merged.update, sum_of_updates(updates)), 1e-15);
    EXPECT_EQ(merged.findings.cut, 0) << "nothing is factorised";
  }
}

// Figure 4: Sigma_beta = (1 - beta) Sigma + beta mean(Sigma) I, between the vectors of the sum.
TEST(IsoCAblation, BetaMovesEverySingularValueTowardsTheMean) {
  const auto updates = random_updates(9, 7, 3, 26);
  const Svd sum = thin_svd(sum_of_updates(updates));
  for (const double beta : {0.1, 0.5, 0.9}) {
    const at::Tensor values = sum.s.mul(1.0 - beta).add(sum.s.mean().mul(beta));
    const at::Tensor want = at::matmul(sum.u * values, sum.vt);
    EXPECT_LE(relative_error(merge_iso_c(updates, {.beta = beta}).update, want), kTight) << beta;
  }
}

TEST(IsoCAblation, DirectionsWithoutUpdateStayZeroWhateverBeta) {
  const at::Tensor low = at::matmul(random_tensor({6, 2}, 9), random_tensor({2, 4}, 10));
  const at::Tensor got = at::linalg_svdvals(merge_iso_c({Update(low)}, {.beta = 0.5}).update);
  EXPECT_NEAR(got[2].item<double>(), 0.0, 1e-12);
}

// Figure 5a: k directions with the mean of all r values, none else.
TEST(IsoCAblation, KeepsTheLeadingDirectionsWithTheMeanOfAll) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{10, 14}, {14, 10}}) {
    const auto updates = random_updates(m, n, 2, 27);
    const Svd sum = thin_svd(sum_of_updates(updates));
    for (const auto& [fraction, k] :
         {std::pair<double, int64_t>{0.05, 0}, {0.1, 1}, {0.39, 3}, {0.4, 4}, {0.99, 9}}) {
      const Svd kept = sum.leading(k);
      const at::Tensor want = at::matmul(kept.u, kept.vt).mul(sum.s.mean());
      const at::Tensor got = merge_iso_c(updates, {.kept_fraction = fraction}).update;
      EXPECT_LE(at::linalg_vector_norm(got - want).item<double>(), kTight) << fraction;
    }
  }
}

TEST(IsoCAblation, DirectionsThatAreNotKeptStayInTheSumsPart) {
  const auto updates = random_updates(10, 14, 2, 28);
  const IsoCOptions kept{.kept_fraction = 0.3};
  const at::Tensor want =
      sum_of_updates(updates).mul(0.75).add(merge_iso_c(updates, kept).update, 0.25);
  EXPECT_LE(relative_error(merge_iso_c(updates, {.beta = 0.25, .kept_fraction = 0.3}).update, want),
            kTight);
}

TEST(IsoCAblation, CountsOnlyTheKeptAmongTheDirectionsThatAreCut) {
  const at::Tensor low = at::matmul(random_tensor({20, 3}, 24), random_tensor({3, 16}, 25));
  EXPECT_EQ(merge_iso_c({Update(low)}, {.kept_fraction = 0.125}).findings.cut, 0);  // k = 2
  EXPECT_EQ(merge_iso_c({Update(low)}, {.kept_fraction = 0.5}).findings.cut, 5);    // k = 8
}

TEST(IsoCAblation, SaysWhereTheCutLiesBetweenEqualValues) {
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    const Update update(with_spectrum(8, 6, {3, 2, 2, 1}).to(dtype));
    EXPECT_EQ(merge_iso_c({update}, {.kept_fraction = 0.34}).findings.tied, 1);  // k = 2
    EXPECT_EQ(merge_iso_c({update}, {.kept_fraction = 0.5}).findings.tied, 0);   // k = 3
    EXPECT_EQ(merge_iso_c({update}, {.kept_fraction = 0.9}).findings.tied, 0);   // among zeros
    EXPECT_EQ(merge_iso_c({update}).findings.tied, 0);
  }
}

TEST(IsoCAblation, FillKeepsNoMoreDirectionsThanAskedFor) {
  const at::Tensor low = at::matmul(random_tensor({6, 1}, 9), random_tensor({1, 4}, 10));
  const at::Tensor got = at::linalg_svdvals(
      merge_iso_c({Update(low)}, {.kept_fraction = 0.5, .null_space = NullSpace::kFill}).update);
  EXPECT_GT(got[1].item<double>(), 0.1 * got[0].item<double>());
  EXPECT_NEAR(got[2].item<double>(), 0.0, 1e-12);
}

TEST(IsoCAblation, ScalesWithItsInputWhateverItsOptions) {
  const auto updates = random_updates(6, 4, 2, 4);
  std::vector<Update> scaled;
  for (const Update& update : updates) scaled.emplace_back(update.dense().mul(-2.5));
  for (const IsoCOptions& options : {IsoCOptions{.beta = 0.3}, IsoCOptions{.kept_fraction = 0.5},
                                     IsoCOptions{.beta = 0.3, .kept_fraction = 0.5}}) {
    EXPECT_LE(relative_error(merge_iso_c(scaled, options).update,
                             merge_iso_c(updates, options).update.mul(-2.5)),
              kTight);
  }
}

TEST(IsoCAblation, InFp32AgreesWithLapackWhateverItsOptions) {
  for (const auto& updates : updates_of_every_shape()) {
    const Factors factors = in_fp32(updates);
    for (const double beta : {0.0, 0.3, 1.0}) {
      for (const double kept : {0.1, 0.5, 1.0}) {
        const IsoCOptions options{.beta = beta, .kept_fraction = kept};
        const Merged gram = merge_iso_c(factors, options);
        const Merged lapack = merge_iso_c(factors.by_lapack(), options);
        EXPECT_LE(relative_error(gram.update, lapack.update), 1e-6) << beta << ", " << kept;
        EXPECT_EQ(gram.findings.cut, lapack.findings.cut);
        EXPECT_EQ(gram.findings.tied, lapack.findings.tied);
      }
    }
  }
}

TEST(IsoCAblation, ADoubtfulRankIsRepeatedByLapackOnlyIfItsDirectionIsKept) {
  const at::Tensor doubtful =
      with_spectrum(20, 30, {3, 2, 1, 3 * null_threshold(20, 1.0)}).to(at::kFloat);
  const auto repeats = [&](double kept) {
    return merge_iso_c({Update(doubtful)}, {.kept_fraction = kept}).findings.repeats;
  };
  EXPECT_EQ(repeats(0.15), 0);  // k = 3
  EXPECT_EQ(repeats(0.2), 1);   // k = 4
}

TEST(IsoCAblation, OptionsAtTheirDefaultsChangeNoByte) {
  for (const auto& updates : updates_of_every_shape()) {
    for (const Factors& factors : {Factors(updates), in_fp32(updates)}) {
      const double r = static_cast<double>(factors.rank());
      const at::Tensor sum = factors.sum();
      Polar polar = factors.route() == Route::kLapack
                        ? polar_factor(sum, factors.rank(), NullSpace::kZero, Route::kLapack)
                        : polar_factor(sum, factors.sum_eigen(sum), factors.rank());
      const at::Tensor want = polar.factor.mul_(polar.nuclear_norm / r).to(factors.dtype());
      EXPECT_TRUE(same_bytes(merge_iso_c(factors).update, want));
    }
  }
}

TEST(IsoCAblation, RefusesSharesOutOfRange) {
  const auto updates = random_updates(4, 3, 2, 29);
  for (const double bad : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(merge_iso_c(updates, {.beta = bad}), Error);
    EXPECT_THROW(merge_iso_c(updates, {.kept_fraction = bad}), Error);
  }
}

TEST(IsoCAblation, OfASumOfZeroIsZero) {
  const at::Tensor d = random_tensor({4, 3}, 11);
  const IsoCOptions options{.beta = 0.5, .kept_fraction = 0.7};
  const Merged merged = merge_iso_c({Update(d), Update(d.neg())}, options);
  EXPECT_EQ(merged.update.count_nonzero().item<int64_t>(), 0);
}

}  // namespace
}  // namespace isomerge
