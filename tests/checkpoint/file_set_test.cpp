// Checkpoints in folders and in several files.
#include "checkpoint/file_set.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "checkpoint/shard_index.h"
#include "support/expect_error.h"
#include "support/pickle_bytes.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

class Sharded : public ::testing::Test {
 protected:
  Sharded() {
    write_safetensors(folder_ / "1.safetensors", {{"b", at::full({3}, 2.0f)}, {"z", ids()}},
                      {{"format", "pt"}, {"part", "one"}});
    write_safetensors(folder_ / "2.safetensors", {{"a", at::full({2, 2}, 1.0f)}},
                      {{"part", "two"}});
    write_index(good());
  }

  static at::Tensor ids() { return at::arange(4, at::kLong); }
  static WeightMap good() {
    return {{"a", "2.safetensors"}, {"b", "1.safetensors"}, {"z", "1.safetensors"}};
  }
  std::filesystem::path index() const { return folder_ / "model.safetensors.index.json"; }
  void write_index(const WeightMap& map) const {
    folder_.write("model.safetensors.index.json", shard_index_text(map, 64));
  }
  std::string refusal() const {
    const std::string message = error_message([&] { Checkpoint checkpoint(index()); });
    expect_mentions(message, {"model.safetensors.index.json"});
    return message;
  }
  std::string refusal_of(const std::string& text) const {
    folder_.write("model.safetensors.index.json", text);
    return refusal();
  }

  TemporaryFolder folder_;
};

TEST_F(Sharded, CheckpointsAreReadThroughTheIndexOrTheFolder) {
  for (const auto& path : {index(), folder_.path()}) {
    const Checkpoint checkpoint(path);
    EXPECT_EQ(checkpoint.path(), path) << "as given";
    EXPECT_EQ(checkpoint.label(), path.string());
    EXPECT_EQ(checkpoint.format(), Format::kSafetensors);
    EXPECT_EQ(checkpoint.files(), (std::vector<std::filesystem::path>{folder_ / "1.safetensors",
                                                                      folder_ / "2.safetensors"}));
    ASSERT_EQ(checkpoint.tensors().size(), 3u);
    EXPECT_EQ(checkpoint.tensors()[0].name, "z") << "by file, then by offset";
    EXPECT_EQ(checkpoint.tensors()[1].name, "b");
    EXPECT_EQ(checkpoint.tensors()[2].name, "a");
    EXPECT_TRUE(checkpoint.read("a").equal(at::full({2, 2}, 1.0f)));
    EXPECT_TRUE(checkpoint.read("b").equal(at::full({3}, 2.0f)));
    EXPECT_TRUE(checkpoint.read("z").equal(ids()));
    EXPECT_EQ(checkpoint.metadata().at("format"), "pt");
    EXPECT_EQ(checkpoint.metadata().at("part"), "one") << "of the first shard that has it";
    EXPECT_EQ(checkpoint.file_bytes(), std::filesystem::file_size(folder_ / "1.safetensors") +
                                           std::filesystem::file_size(folder_ / "2.safetensors"));
  }
}

TEST_F(Sharded, MissingShardsAreAllNamedAtOnce) {
  WeightMap map = good();
  map["c"] = "3.safetensors";
  map["d"] = "4.safetensors";
  write_index(map);
  expect_mentions(refusal(),
                  {"2 of its 4 files are missing", "incomplete", "3.safetensors", "4.safetensors"});
}

TEST_F(Sharded, TensorsThatAreNotWhereTheIndexSaysAreAllNamedAtOnce) {
  write_safetensors(folder_ / "3.safetensors", {{"a", at::zeros({1})}, {"c", at::zeros({1})}});
  write_index({{"a", "2.safetensors"},
               {"b", "2.safetensors"},
               {"gone", "1.safetensors"},
               {"c", "3.safetensors"}});
  expect_mentions(refusal(), {"in 4 tensors", "twice: a: in 2.safetensors and 3.safetensors",
                              "misplaced: b: expected in 2.safetensors, got it in 1.safetensors",
                              "missing: gone: not in 1.safetensors",
                              "extra: z: in 1.safetensors, not in the index"});
}

TEST_F(Sharded, AnIndexThatIsNoneIsRefused) {
  expect_mentions(refusal_of("{"), {"not valid JSON"});
  expect_mentions(refusal_of("\n\n{]"), {"line 3"});
  expect_mentions(refusal_of("[]"), {"no \"weight_map\""});
  expect_mentions(refusal_of("{\"architectures\": [\"CLIP\"]}"), {"no \"weight_map\""});
  expect_mentions(refusal_of("{\"weight_map\": []}"), {"no \"weight_map\""});
  expect_mentions(refusal_of("{\"weight_map\": {}}"), {"is empty"});
  expect_mentions(refusal_of("{\"weight_map\": {\"a\": 1}}"), {"a: expected the name of a file"});
  for (const char* name : {"", ".", "..", "../1.safetensors", "/etc/x", "a/b", "a\\u0000"}) {
    expect_mentions(refusal_of(std::string("{\"weight_map\": {\"a\": \"") + name + "\"}}"),
                    {"a: expected the name of a file in the same folder"});
  }
  expect_mentions(refusal_of("{\"weight_map\": {\"a\": \"1\", \"a\": \"2\"}}"),
                  {"\"a\" appears twice"});
  std::string deep = "{\"metadata\": ";
  for (int i = 0; i < 200'000; ++i) deep += "[";
  expect_mentions(refusal_of(deep), {"nested too deeply"});
}

TEST_F(Sharded, AnIndexOfAbsurdSizeIsNotRead) {
  std::filesystem::resize_file(index(), 100'000'001);
  expect_mentions(refusal(), {"larger than 100 MB"});
}

TEST_F(Sharded, ADamagedShardIsNamedItself) {
  std::filesystem::resize_file(folder_ / "2.safetensors", 100);
  const std::string message = error_message([&] { Checkpoint checkpoint(index()); });
  expect_mentions(message, {"/2.safetensors", "incomplete"});
}

TEST_F(Sharded, ShardsOfTwoFormatsAreRefused) {
  PickleBytes pickle;
  pickle.raw("}").text("a").tensor("FloatStorage", "0", 1, 0, {1}, {1}).raw("s");
  folder_.write("2.safetensors", state_dict_bytes(pickle.done(), {std::string(4, '\0')}));
  expect_mentions(refusal(),
                  {"1.safetensors is a safetensors", "2.safetensors is a torch.save state dict"});
}

TEST(Folder, IsSearchedInAFixedOrder) {
  const TemporaryFolder folder;
  expect_mentions(
      error_message([&] { Checkpoint checkpoint(folder.path()); }),
      {"no checkpoint in this folder", "model.safetensors,", "model.safetensors.index.json",
       "pytorch_model.bin,", "pytorch_model.bin.index.json"});
  PickleBytes pickle;
  pickle.raw("}").text("w").tensor("ByteStorage", "0", 1, 0, {1}, {1}).raw("s");
  const std::string bytes = state_dict_bytes(pickle.done(), {"x"});
  folder.write("pytorch_model-1.bin", bytes);
  folder.write("pytorch_model.bin.index.json", shard_index_text({{"w", "pytorch_model-1.bin"}}, 1));
  EXPECT_EQ(Checkpoint(folder.path()).files()[0].filename(), "pytorch_model-1.bin");
  EXPECT_EQ(Checkpoint(folder.path()).format(), Format::kStateDict);
  folder.write("pytorch_model.bin", bytes);
  EXPECT_EQ(Checkpoint(folder.path()).files()[0].filename(), "pytorch_model.bin");
  write_safetensors(folder / "s.safetensors", {{"w", at::zeros({1})}});
  folder.write("model.safetensors.index.json", shard_index_text({{"w", "s.safetensors"}}, 4));
  EXPECT_EQ(Checkpoint(folder.path()).files()[0].filename(), "s.safetensors");
  write_safetensors(folder / "model.safetensors", {{"w", at::zeros({1})}});
  EXPECT_EQ(Checkpoint(folder.path()).files()[0].filename(), "model.safetensors");
}

TEST(Rows, AreReadAloneAndInPlace) {
  const TemporaryFolder folder;
  const at::Tensor whole = at::arange(20, at::kInt).view({5, 4});
  write_safetensors(folder / "w.safetensors", {{"w", whole}});
  const Checkpoint checkpoint(folder / "w.safetensors");
  // Row 4 is cut off: whoever read more than rows 1 to 3 would notice.
  std::filesystem::resize_file(folder / "w.safetensors",
                               std::filesystem::file_size(folder / "w.safetensors") - 16);
  std::vector<int> rows(13, -1);
  checkpoint.read_rows("w", 1, 3, rows.data());
  for (int i = 0; i < 12; ++i) EXPECT_EQ(rows[static_cast<size_t>(i)], 4 + i);
  EXPECT_EQ(rows[12], -1) << "nothing is written behind the rows";
  checkpoint.read_rows("w", 5, 0, nullptr);
  expect_mentions(error_message([&] { checkpoint.read_rows("w", 4, 1, rows.data()); }),
                  {"ends at byte"});
}

TEST(Rows, BeyondTheTensorAreOurOwnFault) {
  const TemporaryFolder folder;
  write_safetensors(folder / "w.safetensors",
                    {{"w", at::zeros({5, 4})}, {"none", at::zeros({0, 4})}, {"s", at::zeros({})}});
  const Checkpoint checkpoint(folder / "w.safetensors");
  std::vector<float> out(20, 1.0f);
  for (const auto& [first, count] : std::vector<std::pair<int64_t, int64_t>>{
           {-1, 1}, {0, -1}, {5, 1}, {0, 6}, {6, 0}, {1, INT64_MAX}}) {
    expect_mentions(
        error_message([&, f = first, c = count] { checkpoint.read_rows("w", f, c, out.data()); },
                      Fault::kInternal),
        {"w.safetensors", "w", "it has 5"});
  }
  checkpoint.read_rows("none", 0, 0, nullptr);
  checkpoint.read_rows("s", 0, 1, out.data());
  EXPECT_EQ(out[0], 0.0f);
  EXPECT_EQ(out[1], 1.0f);
  expect_mentions(error_message([&] { checkpoint.read_rows("v", 0, 1, out.data()); }), {"\"v\""});
  expect_mentions(error_message([&] { checkpoint.will_need("v"); }), {"\"v\""});
}

}  // namespace
}  // namespace isomerge
