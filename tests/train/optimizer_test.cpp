#include "train/optimizer.h"

#include <limits>

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/random_tensors.h"

namespace isomerge {
namespace {

constexpr double kNoClip = 1e9;

at::Tensor leaf(const at::Tensor& values) {
  return values.to(at::kFloat).clone().set_requires_grad(true);
}

// Two parameters and the gradients of some steps.
struct SmallModel {
  Weights parameters{{"a", leaf(random_tensor({4, 3}, 1))}, {"b", leaf(random_tensor({5}, 2))}};

  std::vector<at::Tensor> gradients(uint64_t step) const {
    return {random_tensor({4, 3}, 10 + step).to(at::kFloat),
            random_tensor({5}, 20 + step).to(at::kFloat)};
  }
};

// By hand. Decay: 1 * (1 - 0.1 * 0.1) = 0.99. First step: the means, corrected for their start at
// 0, are g and g^2, so the update is 0.1 * g / |g| = 0.1.
TEST(Optimizer, FirstStepDecaysAndMovesByTheLearningRate) {
  const Weights parameters{{"w", leaf(at::tensor({1.0, 1.0}))}};
  Optimizer optimizer(parameters, {.weight_decay = 0.1, .clip = kNoClip});
  EXPECT_NEAR(optimizer.step({at::tensor({0.3f, -0.4f})}, 0.1), 0.5, 1e-7) << "the norm";
  EXPECT_FLOAT_EQ(parameters.at("w")[0].item<float>(), 0.89f);
  EXPECT_FLOAT_EQ(parameters.at("w")[1].item<float>(), 1.09f);
}

// By hand: m = 0.9 * 0.03 + 0.1 * 0.1 = 0.037, over 1 - 0.81; v = 0.999 * 0.00009 + 0.001 * 0.01,
// over 1 - 0.998001.
TEST(Optimizer, SecondStepUsesBothMeans) {
  const Weights parameters{{"w", leaf(at::tensor({0.0}))}};
  Optimizer optimizer(parameters, {.weight_decay = 0.0, .clip = kNoClip});
  optimizer.step({at::tensor({0.3f})}, 0.0);
  optimizer.step({at::tensor({0.1f})}, 1.0);
  const double mean = 0.037 / 0.19, square = (0.999 * 9e-5 + 1e-5) / 1.999e-3;
  EXPECT_NEAR(parameters.at("w").item<float>(), -mean / std::sqrt(square), 1e-6);
}

// The norm of (3, 4) over both parameters is 5: each is divided by it, and kept a tenth.
TEST(Optimizer, ClipsTheNormOfAllGradientsTogether) {
  const Weights parameters{{"a", leaf(at::zeros({1}))}, {"b", leaf(at::zeros({1}))}};
  Optimizer optimizer(parameters, {.weight_decay = 0.0, .clip = 1.0});
  EXPECT_NEAR(optimizer.step({at::tensor({3.0f}), at::tensor({4.0f})}, 0.1), 5.0, 1e-6);
  EXPECT_NEAR(optimizer.state().at("exp_avg/a").item<float>(), 0.06, 1e-7);
  EXPECT_NEAR(optimizer.state().at("exp_avg/b").item<float>(), 0.08, 1e-7);
  optimizer.step({at::tensor({0.3f}), at::tensor({0.4f})}, 0.1);  // 0.5: as it is
  EXPECT_NEAR(optimizer.state().at("exp_avg/a").item<float>(), 0.9 * 0.06 + 0.03, 1e-7);
}

TEST(Optimizer, LeavesAParameterWithoutGradientAsItIs) {
  const SmallModel model;
  const at::Tensor before = model.parameters.at("a").detach().clone();
  Optimizer optimizer(model.parameters, {.weight_decay = 0.5});
  optimizer.step({at::Tensor(), model.gradients(0)[1]}, 0.1);
  EXPECT_TRUE(at::equal(model.parameters.at("a"), before));
  EXPECT_EQ(optimizer.state().size(), 3u) << "of b alone";
}

TEST(Optimizer, ContinuesBitForBitFromItsState) {
  const SmallModel whole, parted;
  Optimizer one(whole.parameters, {}), first(parted.parameters, {});
  for (uint64_t step = 0; step < 6; ++step) {
    std::vector<at::Tensor> gradients = whole.gradients(step);
    if (step < 2) gradients[0] = at::Tensor();  // the counts of updates differ
    one.step(gradients, 0.1);
  }
  for (uint64_t step = 0; step < 3; ++step) {
    std::vector<at::Tensor> gradients = parted.gradients(step);
    if (step < 2) gradients[0] = at::Tensor();
    first.step(gradients, 0.1);
  }
  Optimizer second(parted.parameters, {});
  second.restore(first.state());
  first.step(parted.gradients(9), 0.0);  // changes nothing of the second
  for (uint64_t step = 3; step < 6; ++step) second.step(parted.gradients(step), 0.1);
  EXPECT_EQ(one.state().at("updates/a").item<int64_t>(), 4);
  for (const auto& [name, tensor] : one.state()) {
    EXPECT_TRUE(at::equal(second.state().at(name), tensor)) << name;
  }
}

TEST(Optimizer, RefusesAGradientThatIsNotFiniteAndChangesNothing) {
  const SmallModel model;
  const at::Tensor before = model.parameters.at("b").detach().clone();
  Optimizer optimizer(model.parameters, {});
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const at::Tensor gradient = at::full({4, 3}, bad, at::kFloat);
    expect_mentions(error_message([&] {
                      optimizer.step({gradient, before.clone()}, 0.1);
                    }),
                    {"NaN or Inf", "lower the learning rate"});
  }
  EXPECT_TRUE(at::equal(model.parameters.at("b"), before));
  EXPECT_TRUE(optimizer.state().empty());
}

TEST(Optimizer, RefusesAStateOfOtherParameters) {
  const SmallModel model;
  Optimizer optimizer(model.parameters, {});
  optimizer.step(model.gradients(0), 0.1);
  const auto refusal = [&](const std::function<void(Weights&)>& edit) {
    Weights state = optimizer.state();
    edit(state);
    return error_message([&] { Optimizer(model.parameters, {}).restore(state); });
  };
  expect_mentions(refusal([](Weights& s) { s.erase("exp_avg/a"); }), {"no tensor \"exp_avg/a\""});
  expect_mentions(refusal([](Weights& s) { s["exp_avg/b"] = at::zeros({6}); }),
                  {"exp_avg/b: expected fp32 [5], got fp32 [6]"});
  expect_mentions(refusal([](Weights& s) { s["exp_avg_sq/b"] = at::zeros({5}, at::kDouble); }),
                  {"exp_avg_sq/b: expected fp32 [5], got fp64 [5]"});
  expect_mentions(refusal([](Weights& s) { s["updates/a"] = at::scalar_tensor(1.0); }),
                  {"updates/a: expected int64 []"});
  expect_mentions(refusal([](Weights& s) { s["exp_avg/c"] = at::zeros({1}); }),
                  {"1 tensors belong to no parameter"});
}

}  // namespace
}  // namespace isomerge
