#include "dataset/example_reader.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

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
    const Normalisation bytes = {{0, 0, 0}, {1.0 / 255, 1.0 / 255, 1.0 / 255}};
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

}  // namespace
}  // namespace isomerge
