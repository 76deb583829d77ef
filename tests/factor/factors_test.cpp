#include "factor/factors.h"

#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/random_tensors.h"

namespace isomerge {
namespace {

TEST(SumOfUpdates, AddsAllTasksAndLeavesThemAsTheyAre) {
  const std::vector<Update> updates{Update(at::full({2}, 1.0)), Update(at::full({2}, 2.0)),
                                    Update(at::full({2}, 4.0))};
  EXPECT_TRUE(sum_of_updates(updates).equal(at::full({2}, 7.0)));
  EXPECT_TRUE(updates[0].dense().equal(at::full({2}, 1.0)));
}

TEST(MeanOfUpdates, DividesByTheNumberOfTasks) {
  const std::vector<Update> updates{Update(at::full({2}, 1.0)), Update(at::full({2}, 2.0))};
  EXPECT_TRUE(mean_of_updates(updates).equal(at::full({2}, 1.5)));
  EXPECT_EQ(mean_of_updates(updates).scalar_type(), at::kFloat);
}

TEST(Updates, OfDifferentShapesOrDtypesAreRefused) {
  EXPECT_THROW(sum_of_updates({}), Error);
  EXPECT_THROW(sum_of_updates({Update(at::zeros({2})), Update(at::zeros({3}))}), Error);
  EXPECT_THROW(sum_of_updates({Update(at::zeros({2})), Update(at::zeros({2}, at::kDouble))}),
               Error);
}

TEST(Factors, KnowTheShortSideAndRefuseWhatIsNoMatrix) {
  EXPECT_EQ(Factors(random_updates(3, 5, 2, 1)).rank(), 3);
  EXPECT_EQ(Factors(random_updates(5, 2, 2, 1)).rank(), 2);
  EXPECT_THROW(Factors(std::vector<Update>{}), Error);
  EXPECT_THROW(Factors({Update(at::zeros({2}))}), Error);
  EXPECT_THROW(Factors({Update(at::zeros({2, 2, 2}))}), Error);
}

TEST(Factors, OfSinglePrecisionGoThroughGramMatricesOfDoublePrecisionThroughLapack) {
  EXPECT_EQ(Factors({Update(at::zeros({2, 2}))}).route(), Route::kGram);
  EXPECT_EQ(Factors({Update(at::zeros({2, 2}, at::kDouble))}).route(), Route::kLapack);
  EXPECT_EQ(Factors({Update(at::zeros({2, 2}))}).by_lapack().route(), Route::kLapack);
}

TEST(Factors, BoundTheNormOfAnUpdateWhateverItsSize) {
  const at::Tensor update = random_tensor({30, 20}, 4).to(at::kFloat);
  const double norm = update.to(at::kDouble).norm().item<double>();
  for (const double size : {1.0, 1e-23, 1e20}) {
    const double bound = Factors({Update(update * size)}).norm_bound(0);
    EXPECT_GE(bound, norm * size * (1.0 - 1e-6)) << size;
    EXPECT_LE(bound, norm * size * 1.011) << size;
  }
}

// In fp32 the image of such an update would round away what lies outside.
TEST(Residuals, OfUpdatesThatAreLargeInTheCommonSpaceKeepTheirDigits) {
  const at::Tensor u = random_orthonormal(60, 3, 31);
  std::vector<Update> updates;
  for (const uint64_t seed : {32U, 42U}) {
    const at::Tensor large = at::matmul(u, random_tensor({3, 20}, seed) * 1e5);
    updates.emplace_back((large + random_tensor({60, 20}, seed + 1)).to(at::kFloat));
  }
  const Factors factors(updates);
  const Factors::SumVectors sum = factors.sum_vectors(3);
  const CommonSpace space = leading_space(sum.eigen, sum.others, false, 3);
  const Svd want = lapack_residual_triplets(factors.update(0), space.left, 4);
  const Svd got = Residuals(factors, sum, space.left).triplets(0, 4);
  EXPECT_LE(relative_error(at::matmul(want.u, at::matmul(want.u.t(), got.u)), got.u), 3e-5);
}

TEST(Factors, SumInDoublePrecisionWhateverTheUpdatesAre) {
  const std::vector<Update> updates{Update(at::full({1, 1}, 1.0f)),
                                    Update(at::full({1, 1}, 1e-9f))};
  EXPECT_GT(Factors(updates).sum().item<double>(), 1.0);
}

}  // namespace
}  // namespace isomerge
