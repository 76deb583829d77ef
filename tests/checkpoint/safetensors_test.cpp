#include "checkpoint/safetensors.h"

#include <cstring>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors_header.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

// A file from a header text and `data_bytes` bytes 0, 1, 2, ...; written from the format's
// description, not by the writer under test.
std::string file_bytes(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  bytes += header;
  for (size_t i = 0; i < data_bytes; ++i) bytes += static_cast<char>(i);
  return bytes;
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

class SafetensorsFile : public ::testing::Test {
 protected:
  std::string refusal(const std::string& header, size_t data_bytes) {
    const auto path = folder_.write("bad.safetensors", file_bytes(header, data_bytes));
    const std::string message = error_message([&] { Checkpoint checkpoint(path); });
    expect_mentions(message, {"bad.safetensors"});
    return message;
  }

  TemporaryFolder folder_;
};

TEST_F(SafetensorsFile, IsReadByNameWithDtypeShapeAndBytes) {
  const auto path =
      folder_.write("good.safetensors", file_bytes("{\"__metadata__\":{\"a\":\"b\"}," +
                                                       entry("x", "U8", "[2,2]", "[1,5]") + "," +
                                                       entry("y", "I8", "[1]", "[0,1]") + "}",
                                                   5));
  const Checkpoint checkpoint(path);
  ASSERT_EQ(checkpoint.tensors().size(), 2u);
  EXPECT_EQ(checkpoint.tensors()[0].name, "y") << "in the order of the bytes";
  EXPECT_EQ(checkpoint.metadata().at("a"), "b");
  EXPECT_EQ(checkpoint.format(), Format::kSafetensors);
  EXPECT_TRUE(checkpoint.read("x").equal(at::tensor({1, 2, 3, 4}, at::kByte).view({2, 2})));
}

TEST_F(SafetensorsFile, RoundTripsEveryDtypeBitForBit) {
  Weights weights;
  int i = 0;
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong,
                                     at::kInt, at::kShort, at::kChar, at::kByte, at::kBool}) {
    weights["t" + std::to_string(i++)] = random_tensor({3, 5}, 7).mul(3).to(dtype);
  }
  weights["scalar"] = at::full({}, 2.5);
  weights["empty"] = at::zeros({0, 4});
  write_safetensors(folder_ / "w.safetensors", weights, {{"key", "value"}});
  const Checkpoint checkpoint(folder_ / "w.safetensors");
  EXPECT_EQ(checkpoint.metadata().at("key"), "value");
  ASSERT_EQ(checkpoint.tensors().size(), weights.size());
  for (const auto& [name, tensor] : weights) {
    const at::Tensor got = checkpoint.read(name);
    EXPECT_EQ(got.scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(got.equal(tensor)) << name;
  }
}

TEST_F(SafetensorsFile, WritesEveryTensorAtAMultipleOfItsElementSize) {
  Weights weights{{"a", at::zeros({3}, at::kByte)},
                  {"b", at::zeros({3}, at::kHalf)},
                  {"c", at::zeros({1}, at::kDouble)}};
  write_safetensors(folder_ / "w.safetensors", weights);
  const auto header = read_safetensors_header(InputFile(folder_ / "w.safetensors"));
  for (const TensorPlace& place : header.places) {
    EXPECT_EQ(place.offset % c10::elementSize(place.info.dtype), 0u) << place.info.name;
  }
}

TEST_F(SafetensorsFile, CutAnywhereIsRefused) {
  write_safetensors(folder_ / "w.safetensors",
                    {{"visual.proj", random_tensor({3, 4}, 1)}, {"bias", at::zeros({5})}},
                    {{"format", "pt"}});
  const std::string whole = TemporaryFolder::read(folder_ / "w.safetensors");
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto path = folder_.write("cut.safetensors", whole.substr(0, size));
    EXPECT_THROW(Checkpoint checkpoint(path), Error) << "cut to " << size << " bytes";
  }
}

TEST_F(SafetensorsFile, AnyFlippedHeaderByteGivesAnErrorOrAConsistentFile) {
  write_safetensors(folder_ / "w.safetensors", {{"a", at::zeros({2, 3})}, {"b", at::zeros({5})}});
  const std::string whole = TemporaryFolder::read(folder_ / "w.safetensors");
  const size_t header = whole.size() - 11 * sizeof(float);
  for (size_t at = 0; at < header; ++at) {
    for (const int mask : {1, 32, 255}) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ mask);
      const auto path = folder_.write("flipped.safetensors", flipped);
      try {
        for (const auto& [name, tensor] : Checkpoint(path).read_all()) tensor.sum();
      } catch (const Error&) {
      }
    }
  }
}

TEST_F(SafetensorsFile, DataThatEndBeyondTheFileAreAnIncompleteDownload) {
  expect_mentions(refusal("{" + entry("visual.proj", "F32", "[2]", "[0,8]") + "}", 7),
                  {"visual.proj", "download is incomplete"});
}

TEST_F(SafetensorsFile, OverlappingTensorsAreRefused) {
  expect_mentions(
      refusal("{" + entry("a", "U8", "[4]", "[0,4]") + "," + entry("b", "U8", "[4]", "[2,6]") + "}",
              6),
      {"a and b overlap"});
}

TEST_F(SafetensorsFile, HolesAndTrailingBytesAreRefused) {
  expect_mentions(refusal("{" + entry("a", "U8", "[1]", "[1,2]") + "}", 2), {"hole", "a"});
  expect_mentions(refusal("{" + entry("a", "U8", "[1]", "[0,1]") + "}", 3), {"2 bytes follow"});
}

TEST_F(SafetensorsFile, AShapeWhoseProductOverflowsIsRefused) {
  expect_mentions(refusal("{" + entry("a", "F32", "[4294967296,4294967296,4]", "[0,0]") + "}", 0),
                  {"a", "overflow"});
  expect_mentions(refusal("{" + entry("a", "F32", "[9223372036854775807,3]", "[0,4]") + "}", 4),
                  {"overflow"});
}

// A size of 0 makes the product 0, but LibTorch's strides overflow all the same.
TEST_F(SafetensorsFile, AShapeThatNoTensorCanHaveIsRefusedThoughItIsEmpty) {
  expect_mentions(refusal("{" + entry("a", "F32", "[0,4611686018427387904,4]", "[0,0]") + "}", 0),
                  {"a", "overflows"});
  std::string ones = "[1";
  for (int i = 0; i < 64; ++i) ones += ",1";
  expect_mentions(refusal("{" + entry("a", "U8", ones + "]", "[0,1]") + "}", 1),
                  {"a", "65 dimensions"});
}

TEST_F(SafetensorsFile, AHeaderNestedDeeplyIsRefusedWithoutRecursion) {
  const std::string lists = std::string(200'000, '[') + std::string(200'000, ']');
  expect_mentions(refusal("{\"a\":" + lists + "}", 0), {"nested too deeply"});
}

TEST_F(SafetensorsFile, AHeaderLongerThanTheFileIsRefusedBeforeItIsRead) {
  for (const uint64_t length : {uint64_t{1} << 62, uint64_t{99'999'999}, UINT64_MAX}) {
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    const auto path = folder_.write("bad.safetensors", bytes + "{}");
    expect_mentions(error_message([&] { Checkpoint checkpoint(path); }), {"the header claims"});
  }
}

TEST_F(SafetensorsFile, ByteCountsMustFitDtypeAndShape) {
  expect_mentions(refusal("{" + entry("a", "F32", "[2]", "[0,4]") + "}", 4),
                  {"a", "needs 8 bytes"});
  expect_mentions(refusal("{" + entry("a", "U8", "[2]", "[2,0]") + "}", 2), {"a"});
}

TEST_F(SafetensorsFile, DuplicateNamesAreRefused) {
  expect_mentions(
      refusal("{" + entry("a", "U8", "[1]", "[0,1]") + "," + entry("a", "U8", "[1]", "[0,1]") + "}",
              1),
      {"\"a\" appears twice"});
}

TEST_F(SafetensorsFile, MalformedEntriesAreRefused) {
  expect_mentions(refusal("[1]", 0), {"not a JSON object"});
  expect_mentions(refusal("{", 0), {"not a JSON object"});
  expect_mentions(refusal("{\"a\":3}", 0), {"a", "expected dtype"});
  expect_mentions(refusal("{" + entry("a", "F8_E4M3", "[1]", "[0,1]") + "}", 1), {"F8_E4M3"});
  expect_mentions(refusal("{" + entry("a", "U8", "[-1]", "[0,1]") + "}", 1), {"whole numbers"});
  expect_mentions(refusal("{" + entry("a", "U8", "[1.5]", "[0,1]") + "}", 1), {"whole numbers"});
  expect_mentions(
      refusal("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":0}}", 1),
      {"expected dtype"});
  expect_mentions(refusal("{\"__metadata__\":[]}", 0), {"__metadata__"});
  expect_mentions(refusal("{\"__metadata__\":{\"k\":1}}", 0), {"\"k\" is not a text"});
}

TEST_F(SafetensorsFile, AMissingTensorIsNamedWithItsNearest) {
  write_safetensors(folder_ / "w.safetensors", {{"visual.proj", at::zeros({1})}});
  const Checkpoint checkpoint(folder_ / "w.safetensors");
  EXPECT_TRUE(checkpoint.contains("visual.proj"));
  expect_mentions(error_message([&] { checkpoint.read("visual.prj"); }),
                  {"w.safetensors", "visual.prj", "nearest: \"visual.proj\""});
}

TEST_F(SafetensorsFile, ReadingAFileThatBecameShorterIsAnErrorNotASignal) {
  write_safetensors(folder_ / "w.safetensors", {{"a", at::zeros({10000})}});
  const Checkpoint checkpoint(folder_ / "w.safetensors");
  std::filesystem::resize_file(folder_ / "w.safetensors", 5000);
  expect_mentions(error_message([&] { checkpoint.read("a"); }), {"w.safetensors", "ends at byte"});
}

TEST_F(SafetensorsFile, NothingAppearsUntilItIsCommitted) {
  {
    SafetensorsWriter writer(folder_ / "w.safetensors", {{"a", at::kFloat, {2}}}, {});
    writer.write("a", at::zeros({2}));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "w.safetensors"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "the temporary file is gone as well";
}

TEST_F(SafetensorsFile, WritesConvertAndRefuseWhatDoesNotFitTheDtype) {
  SafetensorsWriter writer(folder_ / "w.safetensors",
                           {{"a", at::kHalf, {1}}, {"b", at::kHalf, {1}}}, {});
  writer.write("a", at::full({1}, 0.5));
  expect_mentions(error_message([&] { writer.write("b", at::full({1}, 1e6)); }), {"b", "fp16"});
}

TEST_F(SafetensorsFile, TensorsOutOfTurnOrLeftOutAreOurOwnFault) {
  SafetensorsWriter writer(folder_ / "w.safetensors",
                           {{"a", at::kFloat, {1}}, {"b", at::kFloat, {1}}}, {});
  error_message([&] { writer.write("b", at::zeros({1})); }, Fault::kInternal);
  error_message([&] { writer.write("a", at::zeros({2})); }, Fault::kInternal);
  writer.write("a", at::zeros({1}));
  error_message([&] { writer.flush(); }, Fault::kInternal);
  error_message([&] { writer.commit(); }, Fault::kInternal);
}

}  // namespace
}  // namespace isomerge
