#include "eval/interference.h"

#include <cmath>

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "dataset/pack.h"
#include "support/expect_error.h"
#include "support/pack_file.h"
#include "support/script_module.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

// Images of three pixels; the features are those of the first channel times w.
class Interference : public testing::Test {
 protected:
  static constexpr int64_t kCount = 100;

  Interference() {
    pack_.count = kCount, pack_.height = 1, pack_.width = 3;
    pack_.splits = {{"val", {0, 10}}, {"test", {10, kCount}}};
    for (int64_t i = 0; i < 3 * kCount; ++i) {
      pack_.images.push_back(static_cast<uint8_t>((i * i + 5 * i) % 251));
    }
  }

  Encoder encoder(const std::string& features, double w) {
    ScriptModule{.parameters = {{"w", at::ones({1}).mul_(w)}},
                 .buffers = {},
                 .methods = "def forward(self, images: Tensor):\n    return " + features + "\n"}
        .save(folder_ / "encoder.pt");
    return Encoder(folder_ / "encoder.pt");
  }
  Encoder linear(double w) { return encoder("images[:, 0].flatten(1) * self.w", w); }

  double distance(const Encoder& a, const Encoder& b, const std::string& split, int threads = 1,
                  int64_t batch_size = 32) {
    EvaluationOptions options;
    options.preprocessing.mean = {0.5, 0.5, 0.5};
    options.threads = threads;
    options.batch_size = batch_size;
    return mean_feature_distance(a, b, Pack(folder_.write("shapes.pack", pack_.bytes())), split,
                                 options);
  }

  // Mean over all pixels of the split of |pixel - 0.5|, with the options' standard deviation of 1.
  double mean_pixel(int64_t first, int64_t end) const {
    double sum = 0.0;
    for (int64_t i = 3 * first; i < 3 * end; ++i) {
      sum += std::abs(pack_.images[static_cast<size_t>(i)] / 255.0 - 0.5);
    }
    return sum / static_cast<double>(3 * (end - first));
  }

  TemporaryFolder folder_;
  PackFile pack_;
};

TEST_F(Interference, IsTheMeanOverExamplesAndFeaturesOfTheAbsoluteDifference) {
  const Encoder a = linear(1.0), b = linear(3.5);
  EXPECT_NEAR(distance(a, b, "test"), 2.5 * mean_pixel(10, kCount), 1e-6);
  EXPECT_NEAR(distance(a, b, "val"), 2.5 * mean_pixel(0, 10), 1e-6);
  EXPECT_EQ(distance(b, a, "test"), distance(a, b, "test"));
  EXPECT_EQ(distance(a, linear(1.0), "test"), 0.0);
}

TEST_F(Interference, IsTheSameForAnyNumberOfThreadsAndSizeOfBatch) {
  const Encoder a = linear(1.0), b = linear(-0.75);
  const double one = distance(a, b, "test");
  for (const int threads : {1, 2, 5}) {
    for (const int64_t batch_size : {1, 7, 200}) {
      EXPECT_EQ(distance(a, b, "test", threads, batch_size), one) << threads << " " << batch_size;
    }
  }
}

TEST_F(Interference, EncodersOfOtherNumbersOfFeaturesAreRefused) {
  const Encoder a = linear(1.0), b = encoder("images[:, 0, :, :2].flatten(1) * self.w", 1.0);
  expect_mentions(
      error_message([&] { distance(a, b, "test"); }),
      {"shapes.pack, split test, examples 0 to 31", "encoder.pt gives 3 features", "gives 2"});
}

}  // namespace
}  // namespace isomerge
