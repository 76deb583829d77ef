#include "dataset/batch_loader.h"

#include <chrono>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <thread>

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "support/expect_error.h"
#include "support/pack_file.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

class BatchLoaderTest : public testing::Test {
 protected:
  Pack open(const PackFile& pack) { return Pack(folder_.write("shapes.pack", pack.bytes())); }

  TemporaryFolder folder_;
};

std::vector<Batch> all_batches(BatchLoader& loader) {
  std::vector<Batch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

TEST_F(BatchLoaderTest, CutsASplitIntoBatchesInOrder) {
  const Pack pack = open({});
  BatchLoader loader(pack, "test", {}, /*batch_size=*/3);  // examples 3 to 9
  const auto batches = all_batches(loader);
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[0].first, 0);
  EXPECT_EQ(batches[1].first, 3);
  EXPECT_EQ(batches[2].first, 6);
  EXPECT_EQ(batches[0].labels, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(batches[2].labels, (std::vector<int64_t>{0}));
  EXPECT_EQ(batches[1].images.sizes(), (std::vector<int64_t>{3, 3, 2, 3}));
  EXPECT_EQ(batches[2].images.sizes(), (std::vector<int64_t>{1, 3, 2, 3}));
  EXPECT_EQ(batches[0].images.scalar_type(), at::kFloat);
  EXPECT_FALSE(loader.next().has_value());  // and it stays so
}

TEST_F(BatchLoaderTest, SplitOfAWholeNumberOfBatchesHasNoEmptyLastOne) {
  const Pack pack = open({});
  BatchLoader loader(pack, "val", {}, /*batch_size=*/3);
  EXPECT_EQ(all_batches(loader).size(), 1u);
  BatchLoader large(pack, "val", {}, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(all_batches(large).size(), 1u);
}

// Worked by hand: 51 / 255 = 0.2 and 255 / 255 = 1, (x - mean) / std.
TEST_F(BatchLoaderTest, NormalisesEachColourWithItsOwnMeanAndDeviation) {
  PackFile file;
  file.channels = 3, file.height = 1, file.width = 2, file.count = 1;
  file.splits = {{"test", {0, 1}}};
  file.images = {51, 255, 0, 51, 102, 204};  // red, green, blue planes
  const Pack pack = open(file);
  BatchLoader loader(pack, "test", {{0.1, 0.2, 0.4}, {0.5, 0.25, 0.1}});
  const at::Tensor images = loader.next()->images;
  const std::vector<float> want = {0.2f, 1.8f, -0.8f, 0.0f, 0.0f, 4.0f};
  for (size_t i = 0; i < want.size(); ++i) {  // 1e-6: values below 5 in fp32, three roundings
    EXPECT_NEAR(images.const_data_ptr<float>()[i], want[i], 1e-6) << i;
  }
}

// Bit for bit what `(x.float() / 255 - mean) / std` gives in fp32, as PyTorch computes it.
TEST_F(BatchLoaderTest, RoundsAsPyTorchDoes) {
  PackFile file;
  file.channels = 1, file.height = 16, file.width = 16, file.count = 1;
  file.splits = {{"test", {0, 1}}};
  for (int value = 0; value < 256; ++value) file.images.push_back(static_cast<uint8_t>(value));
  const Pack pack = open(file);
  const Normalisation clip = {{0.48145466, 0.4578275, 0.40821073},
                              {0.26862954, 0.26130258, 0.27577711}};
  BatchLoader loader(pack, "test", clip);
  const at::Tensor images = loader.next()->images;
  for (int64_t c = 0; c < 3; ++c) {
    for (int64_t value = 0; value < 256; ++value) {
      volatile float x = static_cast<float>(value);
      x = x / 255.0f;
      x = x - static_cast<float>(clip.mean[static_cast<size_t>(c)]);
      x = x / static_cast<float>(clip.std[static_cast<size_t>(c)]);
      EXPECT_EQ(images.const_data_ptr<float>()[256 * c + value], x) << c << " " << value;
    }
  }
}

TEST_F(BatchLoaderTest, RepeatsGreyForAllThreeColours) {
  const Pack pack = open({});
  BatchLoader loader(pack, "test", {});
  const at::Tensor images = loader.next()->images;
  EXPECT_EQ(images.sizes(), (std::vector<int64_t>{7, 3, 2, 3}));
  EXPECT_TRUE(at::equal(images.select(1, 0), images.select(1, 1)));
  EXPECT_TRUE(at::equal(images.select(1, 0), images.select(1, 2)));
  // The split starts at example 3, pixel 18: 7 * 18 + 1 = 127.
  EXPECT_EQ(images.const_data_ptr<float>()[0], 127.0f / 255.0f);
}

TEST_F(BatchLoaderTest, EveryBatchIsGivenOutOnceToManyThreads) {
  PackFile file;
  file.count = 1000, file.splits = {{"test", {0, 1000}}};
  const Pack pack = open(file);
  BatchLoader loader(pack, "test", {}, /*batch_size=*/7);
  std::mutex mutex;
  std::map<int64_t, size_t> sizes;  // first -> examples
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        while (const auto batch = loader.next()) {
          const std::lock_guard lock(mutex);
          EXPECT_TRUE(sizes.emplace(batch->first, batch->labels.size()).second);
          for (size_t k = 0; k < batch->labels.size(); ++k) {
            EXPECT_EQ(batch->labels[k], (batch->first + static_cast<int64_t>(k)) % 3);
          }
        }
      });
    }
  }
  ASSERT_EQ(sizes.size(), 143u);
  int64_t next = 0;
  for (const auto& [first, size] : sizes) {
    EXPECT_EQ(first, next);
    next += static_cast<int64_t>(size);
  }
  EXPECT_EQ(next, 1000);
}

TEST_F(BatchLoaderTest, DestructorDoesNotWaitForTheRestOfTheSplit) {
  PackFile file;  // 60,000 batches of 786 kB would take a minute
  file.count = 60000, file.height = 1, file.width = 1, file.splits = {{"test", {0, 60000}}};
  const Pack pack = open(file);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) {
    BatchLoader unread(pack, "test", {}, /*batch_size=*/1);
    BatchLoader read(pack, "test", {}, /*batch_size=*/1);
    EXPECT_TRUE(read.next().has_value());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

// 600 batches of 0.2 MB: without a bound the thread would soon hold 118 MB.
TEST_F(BatchLoaderTest, PreparesNoMoreThanItMayAhead) {
  PackFile file;
  file.count = 600, file.height = 128, file.width = 128, file.splits = {{"test", {0, 600}}};
  const Pack pack = open(file);
  pack.verify();  // its pages are resident from here on
  const int64_t before = resident_bytes();
  BatchLoader loader(pack, "test", {}, /*batch_size=*/1, /*ahead=*/2);
  EXPECT_TRUE(loader.next().has_value());
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_LT(resident_bytes() - before, 30'000'000);
}

// A sparse file: 4 images of 2^44 pixels cannot become a tensor on any machine of today.
TEST_F(BatchLoaderTest, AnErrorOfTheThreadComesOutOfEveryLaterNext) {
  PackFile file;
  file.count = 4, file.height = int64_t{1} << 19, file.width = int64_t{1} << 19;
  file.splits = {{"test", {0, 4}}};
  const std::string header = pack_header_bytes(file, std::string(32, '0'));
  const auto path = folder_.write("large.pack", header);
  std::error_code failed;
  std::filesystem::resize_file(path, header.size() + (uint64_t{4} << 38) + 8, failed);
  if (failed) GTEST_SKIP() << "no sparse file of 1 TiB here: " << failed.message();
  const Pack pack(path);
  BatchLoader loader(pack, "test", {}, /*batch_size=*/4);
  for (int i = 0; i < 2; ++i) {
    const std::string message = error_message([&] { loader.next(); }, Fault::kMachine);
    expect_mentions(message, {path.string(), "split test", "allocate memory"});
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST_F(BatchLoaderTest, RefusesWhatMakesNoSense) {
  const Pack pack = open({});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Normalisation plain;
  const auto refuse = [&](const Normalisation& normalisation, int64_t size, int64_t ahead) {
    return error_message([&] { BatchLoader(pack, "test", normalisation, size, ahead); });
  };
  expect_mentions(refuse({{0, nan, 0}, {1, 1, 1}}, 1, 1), {"channel 1", "finite mean"});
  expect_mentions(refuse({{0, 0, 1e300}, {1, 1, 1}}, 1, 1), {"channel 2", "finite mean"});
  expect_mentions(refuse({{0, 0, 0}, {1, 1, 0}}, 1, 1), {"channel 2", "deviation above 0"});
  expect_mentions(refuse({{0, 0, 0}, {-1, 1, 1}}, 1, 1), {"channel 0", "deviation above 0"});
  expect_mentions(refuse({{0, 0, 0}, {nan, 1, 1}}, 1, 1), {"channel 0"});
  expect_mentions(refuse({{0, 0, 0}, {1, 1e-60, 1}}, 1, 1), {"channel 1"});  // 0 in fp32
  expect_mentions(refuse({{0, 0, 0}, {1, 1e300, 1}}, 1, 1), {"channel 1"});
  expect_mentions(refuse(plain, 0, 1), {"batch size", "got 0 and 1"});
  expect_mentions(refuse(plain, 1, 0), {"batch size", "got 1 and 0"});
  expect_mentions(error_message([&] { BatchLoader(pack, "tset", plain); }), {"no split \"tset\""});
}

}  // namespace
}  // namespace isomerge
