#include "model/encoder.h"

#include <atomic>
#include <limits>
#include <thread>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/script_module.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

at::Tensor random_tensor(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed));
}

class EncoderTest : public testing::Test {
 protected:
  std::filesystem::path save(const ScriptModule& module) {
    module.save(folder_ / "encoder.pt");
    return folder_ / "encoder.pt";
  }

  // forward(images) with this body, over parameters "w" and those given.
  std::filesystem::path save(const std::string& body,
                             std::vector<std::pair<std::string, at::Tensor>> parameters = {}) {
    parameters.emplace_back("w", at::ones({1}).set_requires_grad(true));
    return save(ScriptModule{.parameters = std::move(parameters),
                             .buffers = {},
                             .methods = "def forward(self, images: Tensor):\n    " + body + "\n"});
  }

  std::string encode_failure(const std::string& body, Fault fault = Fault::kInput) {
    const Encoder encoder(save(body));
    const std::string message = error_message(
        [&] {
          encoder.encode(at::ones({2, 3, 4, 4}));
        },
        fault);
    expect_mentions(message, {(folder_ / "encoder.pt").string() + ": with its own weights: "});
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }

  TemporaryFolder folder_;
  const at::Tensor proj_ = random_tensor({12, 5}, 1), bias_ = random_tensor({5}, 2);
  const at::Tensor images_ = random_tensor({4, 3, 2, 2}, 3);
};

TEST_F(EncoderTest, LayoutListsParametersAndBuffersByDottedName) {
  ScriptModule module = linear_module(proj_.to(at::kHalf), bias_);
  module.buffers = {{"visual.mask", at::arange(3)}, {"a", at::zeros({})}};
  const Encoder encoder(save(module));
  ASSERT_EQ(encoder.layout().size(), 4u);
  EXPECT_EQ(encoder.layout()[0].name, "a");
  EXPECT_EQ(encoder.layout()[0].shape, (std::vector<int64_t>{}));
  EXPECT_EQ(encoder.layout()[1].name, "visual.bias");
  EXPECT_EQ(encoder.layout()[2].name, "visual.mask");
  EXPECT_EQ(encoder.layout()[2].dtype, at::kLong);
  EXPECT_EQ(encoder.layout()[3].name, "visual.proj");
  EXPECT_EQ(encoder.layout()[3].shape, (std::vector<int64_t>{12, 5}));
  EXPECT_EQ(encoder.layout()[3].dtype, at::kHalf);  // as in the file
  EXPECT_EQ(encoder.path(), folder_ / "encoder.pt");
  EXPECT_TRUE(encoder.device().is_cpu());
}

// Worked by hand: images of ones, so every feature is a column sum plus the bias.
TEST_F(EncoderTest, KnownFeaturesOfALinearModule) {
  Encoder encoder(save(linear_module(at::ones({12, 2}), at::zeros({2}))));
  const at::Tensor ones = at::ones({1, 3, 2, 2});
  EXPECT_TRUE(at::equal(encoder.encode(ones), at::tensor({12.0f, 12.0f}).view({1, 2})));
  encoder.bind(
      {{"visual.proj", at::full({12, 2}, 0.5f)}, {"visual.bias", at::tensor({1.0f, -2.0f})}},
      "merged");
  EXPECT_TRUE(at::equal(encoder.encode(ones), at::tensor({7.0f, 4.0f}).view({1, 2})));
}

TEST_F(EncoderTest, BoundWeightsAreCopied) {
  Encoder encoder(save(linear_module(proj_, bias_)));
  const Weights weights = {{"visual.proj", proj_.clone()}, {"visual.bias", bias_.clone()}};
  encoder.bind(weights, "merged");
  const at::Tensor before = encoder.encode(images_);
  weights.at("visual.proj").zero_();
  EXPECT_TRUE(at::equal(encoder.encode(images_), before));
  encoder.bind(weights, "merged");
  EXPECT_TRUE(at::equal(encoder.encode(images_), bias_.expand({4, 5})));
}

TEST_F(EncoderTest, CastsWeightsAndModuleToSinglePrecision) {
  const at::Tensor half = proj_.to(at::kHalf), brain = bias_.to(at::kBFloat16);
  const Encoder plain(save(linear_module(half.to(at::kFloat), brain.to(at::kFloat))));
  const at::Tensor want = plain.encode(images_);
  Encoder from_file(save(linear_module(half, brain)));
  EXPECT_TRUE(at::equal(from_file.encode(images_), want));
  Encoder bound(save(linear_module(proj_, bias_)));
  bound.bind({{"visual.proj", half}, {"visual.bias", brain.to(at::kDouble)}}, "merged");
  EXPECT_TRUE(at::equal(bound.encode(images_), want));
  EXPECT_EQ(bound.encode(images_).scalar_type(), at::kFloat);
}

TEST_F(EncoderTest, FeaturesOfAnotherFloatingDtypeComeAsSinglePrecision) {
  const Encoder encoder(save("return images.flatten(1).double()"));
  EXPECT_TRUE(at::equal(encoder.encode(images_), images_.flatten(1)));
}

TEST_F(EncoderTest, TrainableParametersAreTheModulesOwnWithoutBuffers) {
  ScriptModule module = linear_module(proj_, bias_);  // saved without requires_grad
  module.buffers = {{"visual.mask", at::zeros({3})}};
  Encoder encoder(save(module));
  const Weights parameters = encoder.trainable_parameters();
  ASSERT_EQ(parameters.size(), 2u);
  const at::NoGradGuard no_gradient;
  for (const auto& [name, tensor] : parameters) {
    EXPECT_TRUE(tensor.requires_grad()) << name;
    tensor.zero_();
  }
  parameters.at("visual.bias").add_(2.0);
  EXPECT_TRUE(at::equal(encoder.encode(images_), at::full({4, 5}, 2.0f)));
}

TEST_F(EncoderTest, ATensorOfSeveralNamesIsTrainableOnce) {
  ScriptModule module = linear_module(proj_, bias_);
  module.parameters.emplace_back("copy", bias_);
  Encoder encoder(save(module));
  const Weights parameters = encoder.trainable_parameters();
  EXPECT_EQ(parameters.size(), 2u);
  EXPECT_TRUE(parameters.contains("copy"));  // the first of its names
  EXPECT_EQ(encoder.weights().size(), 3u);
}

// d(sum of features) / d(bias) is the number of images.
TEST_F(EncoderTest, FeaturesForTrainingAreThoseOfEvaluationAndCanBeDifferentiated) {
  Encoder encoder(save(linear_module(proj_.to(at::kHalf), bias_.to(at::kHalf))));
  const Weights parameters = encoder.trainable_parameters();
  const at::Tensor features = encoder.encode_for_training(images_);
  EXPECT_TRUE(at::equal(features, encoder.encode(images_)));
  EXPECT_FALSE(encoder.encode(images_).requires_grad());
  features.sum().backward();
  EXPECT_TRUE(at::equal(parameters.at("visual.bias").grad(), at::full({5}, 4.0f)));
}

TEST_F(EncoderTest, TrainingLeavesTheModuleInEvaluationMode) {
  Encoder encoder(save("return images.flatten(1) * self.w + (100.0 if self.training else 0.0)"));
  encoder.trainable_parameters();
  EXPECT_TRUE(at::equal(encoder.encode_for_training(images_), images_.flatten(1)));
}

TEST_F(EncoderTest, WeightsAreCopiesInSinglePrecision) {
  ScriptModule module = linear_module(proj_.to(at::kHalf), bias_);
  module.buffers = {{"steps", at::arange(3)}};
  Encoder encoder(save(module));
  const Weights before = encoder.weights();
  EXPECT_EQ(before.at("visual.proj").scalar_type(), at::kFloat);
  EXPECT_EQ(before.at("steps").scalar_type(), at::kLong);
  EXPECT_FALSE(before.at("visual.bias").requires_grad());
  encoder.bind({{"visual.proj", proj_},
                {"visual.bias", at::zeros({5})},
                {"steps", at::zeros({3}, at::kLong)}},
               "merged");
  EXPECT_TRUE(at::equal(before.at("visual.bias"), bias_));
  EXPECT_TRUE(at::equal(encoder.weights().at("visual.bias"), at::zeros({5})));
}

TEST_F(EncoderTest, NonFloatingBuffersAreBoundToo) {
  ScriptModule module;
  module.parameters = {{"w", at::ones({1})}};
  module.buffers = {{"order", at::tensor({0, 1, 2}, at::kLong)}};
  module.methods =
      "def forward(self, images: Tensor):\n    return images.flatten(1)[:, self.order]\n";
  Encoder encoder(save(module));
  encoder.bind({{"w", at::ones({1})}, {"order", at::tensor({5, 3, 11}, at::kInt)}}, "merged");
  EXPECT_TRUE(at::equal(encoder.encode(images_).select(1, 2), images_.flatten(1).select(1, 11)));
}

TEST_F(EncoderTest, OneReportNamesEveryTensorThatDoesNotFitAndNothingIsBound) {
  ScriptModule module = linear_module(proj_, bias_);
  module.buffers = {{"steps", at::arange(3)}};
  Encoder encoder(save(module));
  const at::Tensor before = encoder.encode(images_);
  const std::string message = error_message([&] {
    encoder.bind({{"visual.bias", at::zeros({6})},
                  {"visual.prj", at::zeros({12, 5})},
                  {"steps", at::zeros({3})}},
                 "merged.safetensors");
  });
  expect_mentions(message,
                  {"merged.safetensors differs from " + (folder_ / "encoder.pt").string(),
                   "missing: visual.proj [12, 5] (nearest: \"visual.prj\")", "extra: visual.prj",
                   "shape: visual.bias: expected [5], got [6]", "dtype: steps: expected int64"});
  EXPECT_TRUE(at::equal(encoder.encode(images_), before));
}

// Two names, one tensor in the module: what is bound must agree.
TEST_F(EncoderTest, TiedTensorsMustBeBoundToEqualValues) {
  const at::Tensor tied = at::ones({12});
  Encoder encoder(save(ScriptModule{
      .parameters = {{"a", tied}, {"b", tied}},
      .buffers = {},
      .methods =
          "def forward(self, images: Tensor):\n    return images.flatten(1) * self.a + self.b\n"}));
  encoder.bind({{"a", at::full({12}, 2.0f)}, {"b", at::full({12}, 2.0, at::kDouble)}}, "merged");
  EXPECT_TRUE(at::equal(encoder.encode(images_), images_.flatten(1).mul(2).add(2)));
  expect_mentions(error_message([&] {
                    encoder.bind({{"a", at::ones({12})}, {"b", at::zeros({12})}}, "merged");
                  }),
                  {"merged", "a and b"});
  EXPECT_TRUE(at::equal(encoder.encode(images_), images_.flatten(1).mul(2).add(2)));
}

// Views of one storage in the file: binding one must not write into the other.
TEST_F(EncoderTest, OverlappingTensorsOfAFileGetBytesOfTheirOwn) {
  const at::Tensor row = at::ones({12});
  Encoder encoder(save(ScriptModule{
      .parameters = {{"a", row.slice(0, 0, 8)},
                     {"b", row.slice(0, 4, 12)},
                     {"c", row.narrow(0, 0, 1).expand({8})}},
      .buffers = {},
      .methods = "def forward(self, images: Tensor):\n"
                 "    return torch.stack([self.a, self.b, self.c])[:images.size(0)]\n"}));
  encoder.bind(
      {{"a", at::zeros({8})}, {"b", at::full({8}, 5.0f)}, {"c", at::arange(8).to(at::kFloat)}},
      "merged");
  const at::Tensor rows = encoder.encode(at::ones({3, 3, 1, 1}));
  EXPECT_TRUE(at::equal(rows[0], at::zeros({8})));
  EXPECT_TRUE(at::equal(rows[1], at::full({8}, 5.0f)));
  EXPECT_TRUE(at::equal(rows[2], at::arange(8).to(at::kFloat)));
}

TEST_F(EncoderTest, RunsInEvaluationModeWithoutGradient) {
  const Encoder encoder(
      save("return torch.dropout(images.flatten(1), 0.5, self.training) * self.w"));
  const at::Tensor features = encoder.encode(images_);
  EXPECT_TRUE(at::equal(features, images_.flatten(1)));
  EXPECT_FALSE(features.requires_grad());
}

TEST_F(EncoderTest, RefusesFilesThatAreNotTorchScript) {
  for (const std::string& text : {std::string(), std::string("not a model"),
                                  std::string(5000, '\0'), std::string("PK\x03\x04 and no more")}) {
    const auto path = folder_.write("bad.pt", text);
    const std::string message = error_message([&] { Encoder{path}; });
    expect_mentions(message, {path.string() + ": cannot load as TorchScript: ", "torch.jit.save?"});
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  expect_mentions(error_message([&] { Encoder(folder_ / "none.pt"); }),
                  {"none.pt", "No such file"});
  expect_mentions(error_message([&] { Encoder{folder_.path()}; }), {"not a regular file"});
}

TEST_F(EncoderTest, RefusesAFileCutAnywhere) {
  const std::string bytes = TemporaryFolder::read(save(linear_module(proj_, bias_)));
  for (size_t length = 1; length < bytes.size(); length += 97) {
    const auto path = folder_.write("cut.pt", bytes.substr(0, length));
    expect_mentions(error_message([&] { Encoder{path}; }), {path.string() + ": cannot load"});
    if (HasFailure()) FAIL() << "at length " << length;
  }
}

TEST_F(EncoderTest, RefusesModulesWithoutAForwardOfOneArgument) {
  ScriptModule module;
  module.parameters = {{"w", at::ones({1})}};
  const auto refusal = [&](const std::string& methods) {
    module.methods = methods;
    const auto path = save(module);
    return error_message([&] { Encoder{path}; });
  };
  expect_mentions(refusal(""), {"encoder.pt: the module has no method forward"});
  expect_mentions(refusal("def forward(self):\n    return self.w\n"),
                  {"expected forward(images), got 0"});
  expect_mentions(refusal("def forward(self, x: Tensor, y: Tensor):\n    return x + y\n"),
                  {"expected forward(images), got 2"});
  module.methods =
      "def forward(self, x: Tensor, scale: float = 2.0):\n    return x.flatten(1) * scale\n";
  EXPECT_TRUE(at::equal(Encoder(save(module)).encode(images_), images_.flatten(1).mul(2)));
}

TEST_F(EncoderTest, RefusesAModuleWithoutParameters) {
  ScriptModule module;
  module.methods = "def forward(self, x: Tensor):\n    return x.flatten(1)\n";
  const auto path = save(module);
  expect_mentions(error_message([&] { Encoder{path}; }), {"no parameters", "frozen?"});
}

TEST_F(EncoderTest, SaysInOneLineWhyForwardFails) {
  expect_mentions(encode_failure("return images.flatten(1).matmul(torch.zeros([7, 7]))"),
                  {"forward fails on images [2, 3, 4, 4]", "mat1 and mat2 shapes", "7x7"});
  expect_mentions(encode_failure("assert images.size(2) == 9, 'nine pixels'\n    return images"),
                  {"forward fails on images [2, 3, 4, 4]", "nine pixels"});
  expect_mentions(encode_failure("return self.encode_deeper(images)\n"
                                 "def encode_deeper(self, x: Tensor):\n    return x.view(5)"),
                  {"shape '[5]' is invalid"});
}

TEST_F(EncoderTest, MemoryThatIsNotThereIsTheMachinesFault) {
  expect_mentions(encode_failure("return torch.zeros([1 << 50]).view(2, -1)", Fault::kMachine),
                  {"forward fails", "allocate memory"});
}

TEST_F(EncoderTest, RefusesResultsThatAreNotFeatures) {
  expect_mentions(encode_failure("return (images, images)"),
                  {"expected forward to return a tensor, got Tuple"});
  expect_mentions(encode_failure("return images"),
                  {"expected floating features [2, e], got fp32 [2, 3, 4, 4]"});
  expect_mentions(encode_failure("return images.flatten(1)[:1]"), {"[2, e], got fp32 [1, 48]"});
  expect_mentions(encode_failure("return images.flatten(1).t()"), {"[2, e], got fp32 [48, 2]"});
  expect_mentions(encode_failure("return images.flatten(1).long()"), {"[2, e], got int64 [2, 48]"});
  expect_mentions(encode_failure("return images.flatten(1)[:, :0]"), {"[2, e], got fp32 [2, 0]"});
}

TEST_F(EncoderTest, NonFiniteFeaturesNameTheWeightsThatAreNot) {
  expect_mentions(encode_failure("return images.flatten(1) / 0"),
                  {"NaN or Inf; no weight has any"});
  expect_mentions(encode_failure("return images.flatten(1) * 0 / 0"), {"NaN or Inf"});
  Encoder encoder(save(linear_module(proj_, bias_)));
  at::Tensor bad = bias_.clone();
  bad[3] = std::numeric_limits<float>::quiet_NaN();
  encoder.bind({{"visual.proj", proj_}, {"visual.bias", bad}}, "iso_c, alpha 9");
  const std::string message = error_message([&] { encoder.encode(images_); });
  expect_mentions(message,
                  {"encoder.pt: with iso_c, alpha 9: ", "so have the weights visual.bias"});
  EXPECT_EQ(message.find("visual.proj"), std::string::npos) << message;
}

TEST_F(EncoderTest, RefusesADeviceThatIsNotThere) {
  const auto path = save(linear_module(proj_, bias_));
  const c10::Device far(c10::kCUDA, 99);
  expect_mentions(error_message([&] { Encoder(path, far); }), {"encoder.pt: cannot load"});
}

// Attention and a sum of products, which the optimising executor computes in another order from the
// second run on.
ScriptModule deep_module() {
  ScriptModule module;
  module.parameters = {{"proj", random_tensor({48, 64}, 4)},
                       {"mix", random_tensor({64, 64}, 5)},
                       {"gain", random_tensor({64}, 6)}};
  module.methods =
      "def forward(self, images: Tensor):\n"
      "    x = torch.matmul(images.flatten(1).unsqueeze(1).expand(-1, 9, -1), self.proj)\n"
      "    for i in range(4):\n"
      "        y = torch.layer_norm(x, [64], self.gain, self.gain)\n"
      "        y = torch.scaled_dot_product_attention(y, y, y)\n"
      "        y = y * torch.sigmoid(1.702 * y) + torch.tanh(y) * self.gain\n"
      "        x = x + torch.matmul(y, self.mix)\n"
      "    f = x[:, 0]\n"
      "    f = torch.mm(f, self.mix) + torch.mm(f, self.mix + 1) + torch.mm(f, self.mix + 2)"
      " + torch.mm(f, self.mix + 3) + torch.mm(f, self.mix + 4)\n"
      "    return f\n";
  return module;
}

TEST_F(EncoderTest, TheSameBatchGivesTheSameBytesWhateverRanBefore) {
  const auto path = save(deep_module());
  const at::Tensor images = random_tensor({8, 3, 4, 4}, 7);
  const at::Tensor first = Encoder(path).encode(images);
  const Encoder encoder(path);
  for (const int64_t batch : {1, 8, 3, 8, 8, 20, 8, 1, 8}) {
    const at::Tensor features =
        encoder.encode(batch == 8 ? images : random_tensor({batch, 3, 4, 4}, 8));
    EXPECT_TRUE(batch != 8 || at::equal(features, first));
  }
}

TEST_F(EncoderTest, OfBf16ComputesInItAndGivesFp32) {
  const auto path = save(deep_module());
  const at::Tensor images = random_tensor({8, 3, 4, 4}, 7).to(at::kFloat);
  const at::Tensor exact = Encoder(path).encode(images);
  const Encoder encoder(path, c10::Device(c10::kCPU), at::kBFloat16);
  const at::Tensor features = encoder.encode(images);
  EXPECT_EQ(features.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(features, features.to(at::kBFloat16).to(at::kFloat)));
  EXPECT_FALSE(at::equal(features, exact));
  const double largest = exact.abs().max().item<double>();
  EXPECT_LT(features.sub(exact).abs().max().item<double>(), 0.05 * largest);
  for (const auto& [name, tensor] : encoder.weights()) {
    EXPECT_EQ(tensor.scalar_type(), at::kBFloat16) << name;
  }
}

TEST_F(EncoderTest, ThreadsThatEncodeAtOnceGetTheBytesOfOne) {
  const Encoder encoder(save(deep_module()));
  std::vector<at::Tensor> images, want;
  const int threads_before = at::get_num_threads();
  at::set_num_threads(1);
  for (uint64_t i = 0; i < 6; ++i) {
    images.push_back(random_tensor({static_cast<int64_t>(i) + 2, 3, 4, 4}, 20 + i));
    want.push_back(encoder.encode(images.back()));
  }
  const Encoder fresh(folder_ / "encoder.pt");  // not yet run: its first runs race
  std::atomic<int> different = 0;
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        at::set_num_threads(1);
        for (size_t i = 0; i < 120; ++i) {
          const size_t which = (i + t) % images.size();
          if (!at::equal(fresh.encode(images[which]), want[which])) ++different;
        }
      });
    }
  }
  at::set_num_threads(threads_before);
  EXPECT_EQ(different, 0);
}

TEST_F(EncoderTest, MovedEncoderStillEncodes) {
  Encoder first(save(linear_module(proj_, bias_)));
  const at::Tensor want = first.encode(images_);
  Encoder second = std::move(first);
  EXPECT_TRUE(at::equal(second.encode(images_), want));
}

}  // namespace
}  // namespace isomerge
