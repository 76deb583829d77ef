#include "checkpoint/folder_writer.h"

#include <algorithm>

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/shard_index.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

using Names = std::vector<std::string>;

class FolderWriting : public ::testing::Test {
 protected:
  // Five tensors of 16 bytes but the third, which has 400.
  static std::vector<TensorInfo> tensors() {
    return {{"a", at::kFloat, {4}},
            {"b", at::kFloat, {2, 2}},
            {"c", at::kFloat, {100}},
            {"d", at::kFloat, {4}},
            {"e", at::kFloat, {4}}};
  }

  void fill(FolderWriter* writer) const {
    float value = 1.0f;
    for (const TensorInfo& info : tensors())
      writer->write(info.name, at::full(info.shape, value++));
  }

  void write(uint64_t shard_bytes) const {
    FolderWriter writer(folder_.path(), tensors(), {{"k", "v"}}, {shard_bytes, {}});
    fill(&writer);
    writer.commit();
  }

  Names names() const {
    Names names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  void expect_readable() const {
    const Checkpoint checkpoint(folder_.path());
    ASSERT_EQ(checkpoint.tensors().size(), 5u);
    float value = 1.0f;
    for (const TensorInfo& info : tensors()) {
      EXPECT_TRUE(checkpoint.read(info.name).equal(at::full(info.shape, value++))) << info.name;
    }
    EXPECT_EQ(checkpoint.metadata().at("k"), "v");
  }

  const Names three_shards_{"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
                            "model-00003-of-00003.safetensors", "model.safetensors.index.json"};
  TemporaryFolder folder_;
};

TEST_F(FolderWriting, HoldsOneFileUnlessTheLimitIsExceeded) {
  for (const uint64_t limit : {uint64_t{0}, uint64_t{464}, UINT64_MAX}) {
    write(limit);
    EXPECT_EQ(names(), Names{"model.safetensors"}) << limit;
    expect_readable();
  }
}

TEST_F(FolderWriting, ShardsKeepToTheLimitButForATensorThatAloneExceedsIt) {
  write(32);
  EXPECT_EQ(names(), three_shards_);
  expect_readable();
  const WeightMap map = read_shard_index(InputFile(folder_ / "model.safetensors.index.json"));
  EXPECT_EQ(map.at("b"), three_shards_[0]) << "exactly full";
  EXPECT_EQ(map.at("c"), three_shards_[1]);
  EXPECT_EQ(map.at("e"), three_shards_[2]);
  EXPECT_NE(TemporaryFolder::read(folder_ / three_shards_[3]).find("\"total_size\": 464"),
            std::string::npos);
  EXPECT_EQ(Checkpoint(folder_ / three_shards_[2]).metadata().at("k"), "v") << "in every shard";
}

TEST_F(FolderWriting, WhatAnOlderRunLeftIsRemovedAndNothingElse) {
  for (const char* other :
       {"model-1-of-2.safetensors", "notes.txt", "model-aaaaa-of-00002.safetensors",
        "mymodel-00001-of-00002.safetensors", "pytorch_model.bin"}) {
    folder_.write(other, "mine");
  }
  const Names mine = names();
  const auto with = [&](Names more) {
    more.insert(more.end(), mine.begin(), mine.end());
    std::sort(more.begin(), more.end());
    return more;
  };
  write(0);
  write(32);
  EXPECT_EQ(names(), with(three_shards_)) << "no model.safetensors, which readers would prefer";
  expect_readable();
  write(432);
  EXPECT_EQ(names(), with({"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                           "model.safetensors.index.json"}));
  expect_readable();
  write(0);
  EXPECT_EQ(names(), with({"model.safetensors"}));
  expect_readable();
}

TEST_F(FolderWriting, NothingIsVisibleOrLostBeforeTheCommit) {
  write(0);
  const std::string before = TemporaryFolder::read(folder_ / "model.safetensors");
  {
    FolderWriter writer(folder_.path(), tensors(), {{"k", "w"}}, {32, {{"README.md", "text"}}});
    fill(&writer);
    EXPECT_EQ(Checkpoint(folder_.path()).metadata().at("k"), "v");
  }
  EXPECT_EQ(names(), Names{"model.safetensors"});
  EXPECT_EQ(TemporaryFolder::read(folder_ / "model.safetensors"), before);
}

TEST_F(FolderWriting, TakesTextsAndMetadataThatIsKnownLate) {
  FolderWriter writer(folder_ / "new/model", tensors(), {{"k", "?"}},
                      {32, {{"README.md", "# card\n"}, {"config.json", "{}"}}});
  fill(&writer);
  writer.set_metadata("k", "!");
  error_message([&] { writer.set_metadata("k", "too long"); }, Fault::kInternal);
  writer.commit();
  EXPECT_EQ(TemporaryFolder::read(folder_ / "new/model/README.md"), "# card\n");
  EXPECT_EQ(TemporaryFolder::read(folder_ / "new/model/config.json"), "{}");
  for (int i = 0; i < 3; ++i) {
    const auto shard = folder_ / ("new/model/" + three_shards_[static_cast<size_t>(i)]);
    EXPECT_EQ(Checkpoint(shard).metadata().at("k"), "!");
  }
}

TEST_F(FolderWriting, TensorsThatWereNotAnnouncedOrNotWrittenAreOurOwnFault) {
  FolderWriter writer(folder_.path(), tensors(), {}, {32, {}});
  error_message([&] { writer.write("x", at::full({1}, 0.0)); }, Fault::kInternal);
  error_message([&] { writer.write("b", at::full({2, 2}, 0.0)); }, Fault::kInternal);
  error_message([&] { writer.commit(); }, Fault::kInternal);
  EXPECT_EQ(
      std::count_if(three_shards_.begin(), three_shards_.end(),
                    [&](const auto& name) { return std::filesystem::exists(folder_ / name); }),
      0);
}

TEST_F(FolderWriting, AFileInTheWayIsTheUsersFault) {
  folder_.write("taken", "");
  expect_mentions(error_message([&] { FolderWriter(folder_ / "taken", tensors(), {}, {}); }),
                  {"taken", "cannot create the folder"});
}

TEST_F(FolderWriting, AnOlderFileThatCannotBeRemovedIsTheMachinesFault) {
  folder_.write("model.safetensors.index.json/x", "");  // a folder that is not empty
  FolderWriter writer(folder_.path(), tensors(), {}, {});
  fill(&writer);
  expect_mentions(error_message([&] { writer.commit(); }, Fault::kMachine),
                  {"index.json", "cannot remove"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "model.safetensors"));
}

}  // namespace
}  // namespace isomerge
