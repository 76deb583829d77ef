#include "merge/rule.h"

#include <limits>

#include <ATen/ops/full.h>
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

TEST(WithSecondLook, RecomputesDoubtfulSinglePrecisionResultsInDouble) {
  int calls = 0;
  bool is_doubtful = true;
  const Rule rule = with_second_look([&](const std::vector<Update>& updates) {
    ++calls;
    return Merged{updates[0].dense(), calls, is_doubtful};
  });
  const Merged twice = rule({Update(at::zeros({2, 2}))});
  EXPECT_EQ(twice.cut, 2) << "the second result";
  EXPECT_EQ(twice.update.scalar_type(), at::kFloat);
  EXPECT_EQ(rule({Update(at::zeros({2, 2}, at::kDouble))}).cut, 3) << "once is enough in fp64";
  is_doubtful = false;
  EXPECT_EQ(rule({Update(at::zeros({2, 2}))}).cut, 4);
}

TEST(RequireMatrices, GivesTheShortSideAndRefusesWhatIsNoFiniteMatrix) {
  EXPECT_EQ(require_matrices(random_updates(3, 5, 2, 1)), 3);
  EXPECT_EQ(require_matrices(random_updates(5, 2, 2, 1)), 2);
  EXPECT_THROW(require_matrices({}), Error);
  EXPECT_THROW(require_matrices({Update(at::zeros({2}))}), Error);
  EXPECT_THROW(require_matrices({Update(at::zeros({2, 2, 2}))}), Error);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(require_matrices({Update(at::zeros({2, 2})), Update(at::full({2, 2}, nan))}), Error);
}

}  // namespace
}  // namespace isomerge
