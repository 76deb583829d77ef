#include "train/gradients.h"

#include <numeric>

#include <ATen/Parallel.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "dataset/pack.h"
#include "support/expect_error.h"
#include "support/pack_file.h"
#include "support/random_tensors.h"
#include "support/script_module.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

constexpr int64_t kCount = 37;  // three chunks, the last one short

class LossGradientsTest : public testing::Test {
 protected:
  LossGradientsTest() {
    PackFile file;
    file.count = kCount, file.splits = {{"train", {0, kCount}}};
    pack_.emplace(folder_.write("shapes.pack", file.bytes()));
    reader_.emplace(*pack_, Preprocessing{0, 0, {0.5, 0.4, 0.3}, {0.2, 0.3, 0.4}});
    for (int64_t i = 0; i < kCount; ++i) examples_.push_back({i});
  }

  std::filesystem::path save(const ScriptModule& module) const {
    module.save(folder_ / "encoder.pt");
    return folder_ / "encoder.pt";
  }

  // forward(images) with this body, over parameters a and b of the shape [5].
  Encoder encoder(const std::string& body) const {
    ScriptModule module;
    for (const char* name : {"a", "b"}) {
      module.parameters.emplace_back(name, at::ones({5}).set_requires_grad(true));
    }
    module.methods = "def forward(self, images: Tensor):\n    " + body + "\n";
    return Encoder(save(module));
  }

  LossGradients run(Encoder& encoder, const ClassHead& head, int threads = 1) const {
    std::vector<at::Tensor> parameters;
    for (const auto& [name, tensor] : encoder.trainable_parameters()) parameters.push_back(tensor);
    return loss_gradients(ImageObjective(encoder, head, *reader_), examples_, parameters, threads);
  }

  TemporaryFolder folder_;
  std::optional<Pack> pack_;
  std::optional<ExampleReader> reader_;
  std::vector<Example> examples_;
  const ClassHead head_{random_tensor({3, 5}, 5).mul(4.0), "heads: shapes"};
};

// With features f = x P + c, u = f / |f| and p = softmax(W u), the derivative of -log p[label] by f
// is (g - u (u g)) / |f|, where g = W^T (p - e_label); in fp64.
TEST_F(LossGradientsTest, AreThoseOfTheCrossEntropyOfTheCosineHead) {
  const at::Tensor proj = random_tensor({18, 5}, 1), bias = random_tensor({5}, 2);
  Encoder encoder(save(linear_module(proj.to(at::kFloat), bias.to(at::kFloat))));
  const LossGradients got = run(encoder, head_);

  const Batch batch = reader_->read(examples_);
  const at::Tensor x = batch.images.flatten(1).to(at::kDouble);
  const at::Tensor features = x.matmul(proj).add(bias);
  const at::Tensor norms = features.norm(2, {1}, /*keepdim=*/true), u = features.div(norms);
  const at::Tensor head = head_.weight().to(at::kDouble);
  const at::Tensor probabilities = u.matmul(head.t()).softmax(1);
  at::Tensor error = probabilities.clone();
  double loss = 0.0;
  for (int64_t i = 0; i < kCount; ++i) {
    const int64_t label = batch.labels[static_cast<size_t>(i)];
    loss -= std::log(probabilities[i][label].item<double>()) / kCount;
    error[i][label] -= 1.0;
  }
  const at::Tensor g = error.matmul(head);
  const at::Tensor by_features =
      g.sub(u.mul(u.mul(g).sum(1, /*keepdim=*/true))).div(norms).div(kCount);

  EXPECT_NEAR(got.loss, loss, 1e-5 * loss);
  ASSERT_EQ(got.gradients.size(), 2u);  // visual.bias, visual.proj
  EXPECT_LE(relative_error(got.gradients[0], by_features.sum(0)), 1e-5);
  EXPECT_LE(relative_error(got.gradients[1], x.t().matmul(by_features)), 1e-5);
}

TEST_F(LossGradientsTest, TheNumberOfThreadsChangesNoBitAndIsLeftAsItWas) {
  Encoder encoder(save(linear_module(random_tensor({18, 5}, 1).to(at::kFloat), at::zeros({5}))));
  const LossGradients one = run(encoder, head_);
  const int before = at::get_num_threads();
  at::set_num_threads(3);
  for (const int threads : {1, 2, 5}) {
    for (int round = 0; round < 5; ++round) {
      const LossGradients other = run(encoder, head_, threads);
      EXPECT_EQ(other.loss, one.loss);
      for (size_t p = 0; p < 2; ++p) {
        EXPECT_TRUE(at::equal(other.gradients[p], one.gradients[p])) << threads;
      }
    }
    EXPECT_EQ(at::get_num_threads(), 3);
  }
  at::set_num_threads(before);
}

TEST_F(LossGradientsTest, LeaveTheHeadAloneAndGiveItNoGradient) {
  Encoder encoder(save(linear_module(random_tensor({18, 5}, 1).to(at::kFloat), at::zeros({5}))));
  const at::Tensor before = head_.weight().clone();
  run(encoder, head_);
  EXPECT_TRUE(at::equal(head_.weight(), before));
  EXPECT_FALSE(head_.weight().requires_grad());
  EXPECT_FALSE(head_.weight().grad().defined());
}

TEST_F(LossGradientsTest, OfAParameterThatNothingDependsOnIsUndefined) {
  Encoder unused = encoder("return images.flatten(1)[:, :5] * self.b");
  const LossGradients got = run(unused, head_);
  EXPECT_FALSE(got.gradients[0].defined());
  EXPECT_TRUE(got.gradients[1].defined());
}

// Autograd hands out one tensor for both.
TEST_F(LossGradientsTest, OfParametersThatAreAddedAreEqualAndDoNotShareMemory) {
  Encoder sum = encoder("return images.flatten(1)[:, :5] * (self.a + self.b)");
  const LossGradients got = run(sum, head_);
  EXPECT_TRUE(at::equal(got.gradients[0], got.gradients[1]));
  EXPECT_NE(got.gradients[0].const_data_ptr(), got.gradients[1].const_data_ptr());
  Encoder one = encoder("return images.flatten(1)[:, :5] * (2.0 * self.a)");
  EXPECT_LE(relative_error(run(one, head_).gradients[0], got.gradients[0].mul(2.0)), 1e-6);
}

TEST_F(LossGradientsTest, RefuseAForwardThatCannotBeDifferentiated) {
  Encoder detached = encoder("return (images.flatten(1)[:, :5] * self.a).detach()");
  expect_mentions(error_message([&] { run(detached, head_); }),
                  {"encoder.pt", "cannot be differentiated"});
}

TEST_F(LossGradientsTest, RefuseAHeadOfAnotherNumberOfFeatures) {
  Encoder five = encoder("return images.flatten(1)[:, :5] * self.a");
  const ClassHead head(at::ones({3, 4}), "heads: shapes");
  expect_mentions(error_message([&] { run(five, head, 2); }),
                  {"heads: shapes: expected a head for the 5 features of", "got [3, 4]"});
}

}  // namespace
}  // namespace isomerge
