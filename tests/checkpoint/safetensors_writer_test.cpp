#include <cmath>

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

TEST(SafetensorsWriter, MetadataCanBeReplacedUntilTheCommit) {
  const TemporaryFolder folder;
  SafetensorsWriter writer(folder / "w.safetensors", {{"a", at::kFloat, {2}}},
                           {{"hash", "????"}, {"other", "x"}});
  writer.set_metadata("hash", "0123");
  writer.write("a", at::full({2}, 3.0));
  writer.set_metadata("hash", "abcd");
  const auto refuse = [&](const std::string& key, const std::string& value) {
    expect_mentions(error_message([&] { writer.set_metadata(key, value); }, Fault::kInternal),
                    {"w.safetensors", key, "another length"});
  };
  refuse("hash", "abc");
  refuse("hash", "\x01\x01\x01\x01");  // as long as the old one until JSON quotes it
  refuse("nothing", "");
  refuse("new", "abcd");
  writer.commit();
  const Checkpoint checkpoint(folder / "w.safetensors");
  EXPECT_EQ(checkpoint.metadata(),
            (std::map<std::string, std::string>{{"hash", "abcd"}, {"other", "x"}}));
  EXPECT_TRUE(checkpoint.read("a").equal(at::full({2}, 3.0f)));
}

// A tensor that holds an infinity already must not hide that another value became one.
TEST(SafetensorsWriter, InfinitiesThatWereThereMayStayButNoneIsAdded) {
  const TemporaryFolder folder;
  SafetensorsWriter writer(folder / "w.safetensors", {{"a", at::kHalf, {2}}, {"b", at::kHalf, {2}}},
                           {});
  const at::Tensor infinity = at::full({2}, INFINITY);
  writer.write("a", infinity);
  at::Tensor mixed = infinity.clone();
  mixed[1] = 1e6;
  expect_mentions(error_message([&] { writer.write("b", mixed); }), {"b", "too large for fp16"});
}

}  // namespace
}  // namespace isomerge
