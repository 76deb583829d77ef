#include "dataset/example_reader.h"

#include <limits>

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "dataset/pack.h"
#include "support/expect_error.h"
#include "support/pack_file.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

class ExampleReaderTest : public testing::Test {
 protected:
  // Two grey images of 3 x 4: pixel i of the pack is i.
  ExampleReaderTest() {
    PackFile file;
    file.count = 2, file.height = 3, file.width = 4, file.splits = {{"train", {0, 2}}};
    for (uint8_t i = 0; i < 24; ++i) file.images.push_back(i);
    pack_.emplace(folder_.write("shapes.pack", file.bytes()));
  }

  // The first colour of an example, pixels as they are in the file.
  std::vector<int> pixels(const Example& example) const {
    const Preprocessing bytes = {0, 0, {0, 0, 0}, {1.0 / 255, 1.0 / 255, 1.0 / 255}};
    const Batch batch = ExampleReader(*pack_, bytes).read(std::vector<Example>{example});
    EXPECT_TRUE(at::equal(batch.images.select(1, 0), batch.images.select(1, 2)));
    std::vector<int> out;
    for (int64_t i = 0; i < 12; ++i) {
      out.push_back(static_cast<int>(batch.images.const_data_ptr<float>()[i] + 0.5f));
    }
    return out;
  }

  TemporaryFolder folder_;
  std::optional<Pack> pack_;
};

TEST_F(ExampleReaderTest, ReadsExamplesInTheOrderAskedForAndAsOftenAsAskedFor) {
  const ExampleReader reader(*pack_, {});
  const Batch batch = reader.read(std::vector<Example>{{1}, {0}, {1}});
  EXPECT_EQ(batch.images.sizes(), (std::vector<int64_t>{3, 3, 3, 4}));
  EXPECT_EQ(batch.labels, (std::vector<int64_t>{1, 0, 1}));
  EXPECT_TRUE(at::equal(batch.images[0], batch.images[2]));
  EXPECT_FALSE(at::equal(batch.images[0], batch.images[1]));
  EXPECT_EQ(pixels({1}), (std::vector<int>{12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}));
}

// By hand: row 0 is repeated above, the right edge stays, column 0 is repeated on the left.
TEST_F(ExampleReaderTest, MovesAnImageAndRepeatsItsEdge) {
  EXPECT_EQ(pixels({0, 1, 0}), (std::vector<int>{0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(pixels({0, 0, 2}), (std::vector<int>{0, 0, 0, 1, 4, 4, 4, 5, 8, 8, 8, 9}));
  EXPECT_EQ(pixels({0, -1, -1}), (std::vector<int>{5, 6, 7, 7, 9, 10, 11, 11, 9, 10, 11, 11}));
  EXPECT_EQ(pixels({0, 9, -9}), (std::vector<int>{3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}));
}

// Red, green and blue planes are moved alike and stay apart.
TEST_F(ExampleReaderTest, MovesColours) {
  PackFile file;
  file.count = 1, file.channels = 3, file.height = 1, file.width = 2;
  file.splits = {{"train", {0, 1}}};
  file.images = {255, 0, 51, 102, 0, 204};
  const Pack pack(folder_.write("colour.pack", file.bytes()));
  const Batch batch = ExampleReader(pack, {}).read(std::vector<Example>{{0, 0, -1}});
  const float want[] = {0.0f, 0.0f, 0.4f, 0.4f, 0.8f, 0.8f};
  for (int64_t i = 0; i < 6; ++i) EXPECT_FLOAT_EQ(batch.images.const_data_ptr<float>()[i], want[i]);
}

// Worked by hand: 51 / 255 = 0.2 and 255 / 255 = 1, (x - mean) / std.
TEST_F(ExampleReaderTest, NormalisesEachColourWithItsOwnMeanAndDeviation) {
  PackFile file;
  file.channels = 3, file.height = 1, file.width = 2, file.count = 1;
  file.splits = {{"test", {0, 1}}};
  file.images = {51, 255, 0, 51, 102, 204};  // red, green, blue planes
  const Pack pack(folder_.write("colour.pack", file.bytes()));
  const ExampleReader reader(pack, {0, 0, {0.1, 0.2, 0.4}, {0.5, 0.25, 0.1}});
  const Batch batch = reader.read(std::vector<Example>{{0}});
  const std::vector<float> want = {0.2f, 1.8f, -0.8f, 0.0f, 0.0f, 4.0f};
  for (size_t i = 0; i < want.size(); ++i) {  // 1e-6: values below 5 in fp32, three roundings
    EXPECT_NEAR(batch.images.const_data_ptr<float>()[i], want[i], 1e-6) << i;
  }
}

// Bit for bit what `(x.float() / 255 - mean) / std` gives in fp32, as PyTorch computes it.
TEST_F(ExampleReaderTest, RoundsAsPyTorchDoes) {
  PackFile file;
  file.channels = 1, file.height = 16, file.width = 16, file.count = 1;
  file.splits = {{"test", {0, 1}}};
  for (int value = 0; value < 256; ++value) file.images.push_back(static_cast<uint8_t>(value));
  const Pack pack(folder_.write("grey.pack", file.bytes()));
  const Preprocessing clip = {
      0, 0, {0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}};
  const Batch batch = ExampleReader(pack, clip).read(std::vector<Example>{{0}});
  for (int64_t c = 0; c < 3; ++c) {
    for (int64_t value = 0; value < 256; ++value) {
      volatile float x = static_cast<float>(value);
      x = x / 255.0f;
      x = x - static_cast<float>(clip.mean[static_cast<size_t>(c)]);
      x = x / static_cast<float>(clip.std[static_cast<size_t>(c)]);
      EXPECT_EQ(batch.images.const_data_ptr<float>()[256 * c + value], x) << c << " " << value;
    }
  }
}

TEST_F(ExampleReaderTest, ResizesAndCropsBeforeItNormalises) {
  const Batch batch =
      ExampleReader(*pack_, {6, 6, {0, 0, 0}, {1, 1, 1}}).read(std::vector<Example>{{0}, {1}});
  EXPECT_EQ(batch.images.sizes(), (std::vector<int64_t>{2, 3, 6, 6}));
}

TEST_F(ExampleReaderTest, RefusesWhatMakesNoSense) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refuse = [&](const Preprocessing& how) {
    return error_message([&] { ExampleReader(*pack_, how); });
  };
  expect_mentions(refuse({0, 0, {0, nan, 0}, {1, 1, 1}}), {"channel 1", "finite mean"});
  expect_mentions(refuse({0, 0, {0, 0, 1e300}, {1, 1, 1}}), {"channel 2", "finite mean"});
  expect_mentions(refuse({0, 0, {0, 0, 0}, {1, 1, 0}}), {"channel 2", "deviation above 0"});
  expect_mentions(refuse({0, 0, {0, 0, 0}, {-1, 1, 1}}), {"channel 0", "deviation above 0"});
  expect_mentions(refuse({0, 0, {0, 0, 0}, {nan, 1, 1}}), {"channel 0"});
  expect_mentions(refuse({0, 0, {0, 0, 0}, {1, 1e-60, 1}}), {"channel 1"});  // 0 in fp32
  expect_mentions(refuse({0, 0, {0, 0, 0}, {1, 1e300, 1}}), {"channel 1"});
  expect_mentions(refuse({-1, 0, {0, 0, 0}, {1, 1, 1}}), {"at least 0, got -1"});
  expect_mentions(refuse({0, -2, {0, 0, 0}, {1, 1, 1}}), {"at least 0, got -2"});
}

}  // namespace
}  // namespace isomerge
