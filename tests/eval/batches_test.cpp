#include "eval/batches.h"

#include <limits>
#include <map>
#include <mutex>

#include <gtest/gtest.h>

#include "dataset/pack.h"
#include "support/expect_error.h"
#include "support/pack_file.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

class Batches : public testing::Test {
 protected:
  Pack open(const PackFile& pack) { return Pack(folder_.write("shapes.pack", pack.bytes())); }

  // By position of the first example.
  static std::map<int64_t, Batch> all(const Pack& pack, const std::string& split, int64_t size,
                                      int threads = 1) {
    EvaluationOptions options;
    options.batch_size = size;
    options.threads = threads;
    std::map<int64_t, Batch> batches;
    std::mutex mutex;
    for_each_batch(pack, split, options, [&](const Batch& batch) {
      const std::lock_guard lock(mutex);
      EXPECT_TRUE(batches.emplace(batch.first, batch).second) << "given out twice";
    });
    return batches;
  }

  TemporaryFolder folder_;
};

TEST_F(Batches, CutASplitInOrder) {
  const auto batches = all(open({}), "test", 3);  // examples 3 to 9
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches.at(0).labels, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(batches.at(3).images.sizes(), (std::vector<int64_t>{3, 3, 2, 3}));
  EXPECT_EQ(batches.at(6).labels, (std::vector<int64_t>{0}));
  EXPECT_EQ(batches.at(6).images.sizes(), (std::vector<int64_t>{1, 3, 2, 3}));
  EXPECT_EQ(batches.at(0).images.scalar_type(), at::kFloat);
}

TEST_F(Batches, OfAWholeNumberOfThemNoneIsEmpty) {
  const Pack pack = open({});
  EXPECT_EQ(all(pack, "val", 3).size(), 1u);
  EXPECT_EQ(all(pack, "val", std::numeric_limits<int64_t>::max()).size(), 1u);
}

TEST_F(Batches, EachIsGivenOutOnceToManyThreads) {
  PackFile file;
  file.count = 1000, file.splits = {{"test", {0, 1000}}};
  const auto batches = all(open(file), "test", 7, 4);
  ASSERT_EQ(batches.size(), 143u);
  int64_t next = 0;
  for (const auto& [first, batch] : batches) {
    EXPECT_EQ(first, next);
    for (const int64_t label : batch.labels) EXPECT_EQ(label, next++ % 3);
  }
  EXPECT_EQ(next, 1000);
}

// A sparse file: 4 images of 2^38 pixels cannot become a tensor on any machine of today.
TEST_F(Batches, WithoutMemoryAreTheMachinesFault) {
  PackFile file;
  file.count = 4, file.height = int64_t{1} << 19, file.width = int64_t{1} << 19;
  file.splits = {{"test", {0, 4}}};
  const std::string header = pack_header_bytes(file, std::string(32, '0'));
  const auto path = folder_.write("large.pack", header);
  std::error_code failed;
  std::filesystem::resize_file(path, header.size() + (uint64_t{4} << 38) + 8, failed);
  if (failed) GTEST_SKIP() << "no sparse file of 1 TiB here: " << failed.message();
  class Unverified : public Pack {
   public:
    using Pack::Pack;
    void verify() const override {}
  };
  const Unverified pack(path);
  const std::string message = error_message(
      [&] { for_each_batch(pack, "test", {}, [](const Batch&) {}); }, Fault::kMachine);
  expect_mentions(message, {path.string(), "split test", "allocate memory"});
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

}  // namespace
}  // namespace isomerge
