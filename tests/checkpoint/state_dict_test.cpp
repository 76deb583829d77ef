// Files of torch.save: what they may hold, and what a hostile one may try.
#include <numeric>

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/pickle_bytes.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

// The floats 0, 1, 2, ...
std::string floats(int count) {
  std::vector<float> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), 0.0f);
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

at::Tensor ramp(int64_t first, int64_t end) { return at::arange(first, end, at::kFloat); }

class StateDict : public ::testing::Test {
 protected:
  Checkpoint open(const PickleBytes& pickle, const std::vector<std::string>& storages) const {
    return Checkpoint(folder_.write("m.pt", state_dict_bytes(pickle.done(), storages)));
  }

  // One dictionary entry "w" over a storage of 24 floats.
  std::string refusal(int64_t elements, int64_t offset, const std::vector<int64_t>& shape,
                      const std::vector<int64_t>& strides) const {
    PickleBytes pickle;
    pickle.raw("}").text("w").tensor("FloatStorage", "0", elements, offset, shape, strides);
    return refusal(pickle.raw("s"));
  }

  std::string refusal(const PickleBytes& pickle) const {
    const std::string message = error_message([&] { open(pickle, {floats(24)}); });
    expect_mentions(message, {"m.pt"});
    return message;
  }

  TemporaryFolder folder_;
};

TEST_F(StateDict, IsReadByDottedKeysAndOtherValuesArePassedOver) {
  PickleBytes pickle;
  pickle.raw("}(").text("epoch").integer(3).text("note").text("hi").text("lr").raw(
      "G" + std::string(8, '\0'));
  pickle.text("dtype").global("torch", "float32");
  pickle.text("size").global("torch", "Size").integers({1, 2}).raw("\x85R");
  pickle.text("state_dict").global("collections", "OrderedDict").raw(")R(");
  pickle.text("visual.proj").tensor("FloatStorage", "0", 6, 0, {2, 3}, {3, 1});
  // A parameter, and the attributes that a module's state_dict() carries along.
  pickle.text("bias").global("torch._utils", "_rebuild_parameter").raw("(");
  pickle.tensor("FloatStorage", "1", 2, 0, {2}, {1}).raw("\x88}tR").raw("u");
  pickle.raw("}").text("_metadata").raw("}sb").integer(7).raw("Nu");
  const Checkpoint checkpoint = open(pickle, {floats(6), floats(2)});
  EXPECT_EQ(checkpoint.format(), Format::kStateDict);
  EXPECT_EQ(format_text(checkpoint.format()), "torch.save state dict");
  ASSERT_EQ(checkpoint.tensors().size(), 2u);
  EXPECT_TRUE(checkpoint.read("state_dict.visual.proj").equal(ramp(0, 6).view({2, 3})));
  EXPECT_TRUE(checkpoint.read("state_dict.bias").equal(ramp(0, 2)));
}

TEST_F(StateDict, ViewsTiedAndEmptyTensorsAndScalarsAreReadAsTheyWere) {
  PickleBytes pickle;
  pickle.raw("}(").text("whole").tensor("FloatStorage", "0", 24, 0, {4, 6}, {6, 1});
  pickle.text("tied").tensor("FloatStorage", "0", 24, 0, {4, 6}, {6, 1});
  pickle.text("turned").tensor("FloatStorage", "0", 24, 0, {6, 4}, {1, 6});
  pickle.text("part").tensor("FloatStorage", "0", 24, 7, {2, 2}, {6, 1});
  pickle.text("row").tensor("FloatStorage", "0", 24, 6, {6}, {1});
  pickle.text("repeated").tensor("FloatStorage", "0", 24, 1, {3, 2}, {0, 1});
  pickle.text("none").tensor("FloatStorage", "0", 24, 1000, {0, 5}, {5, 1});
  pickle.text("scalar").tensor("FloatStorage", "0", 24, 23, {}, {}).raw("u");
  const Checkpoint checkpoint = open(pickle, {floats(24)});
  const at::Tensor whole = ramp(0, 24).view({4, 6});
  const Weights want{{"whole", whole},
                     {"tied", whole},
                     {"turned", whole.t()},
                     {"part", whole.slice(0, 1, 3).slice(1, 1, 3)},
                     {"row", whole[1]},
                     {"repeated", ramp(1, 3).expand({3, 2})},
                     {"none", at::empty({0, 5})},
                     {"scalar", at::full({}, 23.0f)}};
  ASSERT_EQ(checkpoint.tensors().size(), want.size());
  for (const auto& [name, tensor] : want) {
    EXPECT_TRUE(checkpoint.read(name).equal(tensor)) << name;
    EXPECT_TRUE(checkpoint.read(name).is_contiguous()) << name;
    at::Tensor rows = at::empty_like(tensor, at::MemoryFormat::Contiguous);
    const int64_t count = tensor.dim() == 0 ? 1 : tensor.size(0);
    for (int64_t i = 0; i < count; ++i) {
      auto* out = static_cast<char*>(rows.mutable_data_ptr());
      checkpoint.read_rows(name, i, 1, out + i * static_cast<int64_t>(rows.nbytes()) / count);
    }
    EXPECT_TRUE(rows.equal(tensor)) << name << " by rows";
    EXPECT_NO_THROW(checkpoint.will_need(name));
  }
}

TEST_F(StateDict, UnsupportedDtypesAreRefusedByName) {
  PickleBytes complex;
  complex.raw("}").text("w").tensor("ComplexFloatStorage", "0", 2, 0, {2}, {1}).raw("s");
  expect_mentions(refusal(complex), {"dtype ComplexFloat", "not supported"});
  PickleBytes float8;
  float8.raw("}").text("w").global("torch._utils", "_rebuild_tensor_v3").raw("(");
  float8.storage("torch.storage.UntypedStorage", "0", 2).integer(0).integers({2}).integers({1});
  float8.raw("\x89N").global("torch", "float8_e4m3fn").raw("tRs");
  expect_mentions(refusal(float8), {"dtype float8_e4m3fn", "not supported"});
  PickleBytes untyped;
  untyped.raw("}").text("w").tensor("torch.storage.UntypedStorage", "0", 2, 0, {2}, {1}).raw("s");
  expect_mentions(refusal(untyped), {"a tensor of unknown form"});
}

TEST_F(StateDict, AbsurdShapesAreRefusedBeforeAnythingIsAllocated) {
  const int64_t huge = int64_t{1} << 60;
  expect_mentions(refusal(4 * huge, 0, {4 * huge}, {1}), {"w", "overflows"});
  expect_mentions(refusal(24, 0, {huge / 8}, {0}), {"w", "repeats 1 elements", "contiguous()"});
  expect_mentions(refusal(huge / 8, 0, {24}, {1}), {"w", "elements of its storage, which has 24"});
  expect_mentions(refusal(24, 0, {25}, {1}), {"needs 25 elements"});
  expect_mentions(refusal(24, huge, {1}, {1}), {"elements of its storage"});
  expect_mentions(refusal(24, 0, {2, 2}, {huge * 4, huge * 7}), {"elements of its storage"});
  expect_mentions(refusal(24, 0, {4, 4}, {INT64_MAX, INT64_MAX}), {"overflows"});
  expect_mentions(refusal(24, 0, {0, huge, huge}, {1, 1, 1}), {"overflows"});
  expect_mentions(refusal(24, 0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1)),
                  {"65 dimensions"});
  expect_mentions(refusal(24, 0, {2}, {-1}), {"not whole numbers"});
}

TEST_F(StateDict, SixtyFourDimensionsAreRead) {
  PickleBytes pickle;
  std::vector<int64_t> shape(64, 1), strides(64, 1);
  shape[0] = shape[63] = 2;
  pickle.raw("}").text("w").tensor("FloatStorage", "0", 4, 0, shape, strides).raw("s");
  const Checkpoint checkpoint = open(pickle, {floats(4)});
  EXPECT_NO_THROW(write_safetensors(folder_ / "w.safetensors", checkpoint.read_all()));
  EXPECT_EQ(checkpoint.read("w").sum().item<float>(), 0 + 1 + 1 + 2);
}

TEST_F(StateDict, NamesMustBeTextUniqueAndOfSaneLength) {
  const auto with_names = [](const std::vector<std::string>& names) {
    PickleBytes pickle;
    pickle.raw("}");
    for (const std::string& name : names) {
      pickle.text(name).tensor("FloatStorage", "0", 1, 0, {1}, {1}).raw("s");
    }
    return pickle;
  };
  expect_mentions(refusal(with_names({"a\xff"})), {"not UTF-8"});
  expect_mentions(refusal(with_names({"a", "a"})), {"a appears twice"});
  expect_mentions(refusal(with_names({""})), {"has no name"});
  expect_mentions(refusal(with_names({std::string(1025, 'x')})), {"more than 1024 bytes"});
  const std::string odd = "a b\"\\\n\t\xC3\xA9/..";
  const Checkpoint checkpoint = open(with_names({odd, std::string(1024, 'x')}), {floats(1)});
  EXPECT_EQ(checkpoint.tensors().size(), 2u);
  write_safetensors(folder_ / "odd.safetensors", checkpoint.read_all());
  EXPECT_TRUE(Checkpoint(folder_ / "odd.safetensors").contains(odd));
  const Checkpoint reserved = open(with_names({"__metadata__"}), {floats(1)});
  expect_mentions(
      error_message([&] { write_safetensors(folder_ / "bad.safetensors", reserved.read_all()); }),
      {"__metadata__", "no tensor"});
}

TEST_F(StateDict, WithoutADictionaryOfTensorsIsRefused) {
  expect_mentions(refusal(PickleBytes().raw("]")), {"expected a dictionary of tensors"});
  PickleBytes lone;
  expect_mentions(refusal(lone.tensor("FloatStorage", "0", 1, 0, {1}, {1})),
                  {"expected a dictionary of tensors"});
  expect_mentions(refusal(PickleBytes().raw("}").text("epoch").integer(3).raw("s")),
                  {"no tensors in it"});
  PickleBytes absent;
  absent.raw("}").text("w").tensor("FloatStorage", "9", 1, 0, {1}, {1}).raw("s");
  expect_mentions(refusal(absent), {"w", "archive/data/9", "missing"});
}

// 200 dictionaries, each naming the next one ten times, stand for 10^200 tensors.
TEST_F(StateDict, ASmallPickleThatStandsForManyTensorsIsRefused) {
  PickleBytes pickle;
  pickle.raw("}")
      .text("w")
      .tensor("FloatStorage", "0", 1, 0, {1}, {1})
      .raw(std::string("sq\x01", 3));
  for (int level = 0; level < 40; ++level) {
    pickle.raw("}(");
    for (int i = 0; i < 10; ++i) pickle.text(std::to_string(i)).raw("h\x01");
    pickle.raw("uq\x01");
  }
  expect_mentions(refusal(pickle), {"nested too deeply"});
}

TEST_F(StateDict, APickleNestedAMillionDeepEndsInAnErrorNotInACrash) {
  std::string tuples = ")", lists = "]", dictionaries = "}";
  for (int i = 0; i < 1'000'000; ++i) tuples += '\x85';
  expect_mentions(refusal(PickleBytes().raw(tuples)), {"expected a dictionary"});
  PickleBytes deep;
  deep.raw("}");
  for (int i = 0; i < 100'000; ++i) deep.text("a").raw("}");
  for (int i = 0; i < 100'000; ++i) deep.raw("s");
  expect_mentions(refusal(deep), {"nested too deeply"});
  expect_mentions(refusal(PickleBytes().raw("}" + std::string(5'000'000, 'N'))),
                  {"more values than any model"});
}

TEST_F(StateDict, ArchivesThatPyTorchNeverWritesAreRefused) {
  PickleBytes pickle;
  pickle.raw("}").text("w").tensor("FloatStorage", "0", 4, 0, {4}, {1}).raw("s");
  const auto refused = [&](const std::string& bytes) {
    const auto path = folder_.write("z.pt", bytes);
    return error_message([&] { Checkpoint checkpoint(path); });
  };
  const ZipEntry text{"archive/data.pkl", pickle.done()}, data{"archive/data/0", floats(4)};
  EXPECT_NO_THROW(Checkpoint(folder_.write("good.pt", zip_bytes({text, data}))));
  expect_mentions(refused(zip_bytes({text, data}, /*overlapping=*/true)), {"members overlap"});
  expect_mentions(refused(zip_bytes({text, {"archive/data/0", floats(4), 8}})),
                  {"archive/data/0", "compressed"});
  expect_mentions(refused(zip_bytes({{"archive/data.pkl", pickle.done(), 8}, data})),
                  {"data.pkl", "compressed"});
  expect_mentions(refused(zip_bytes({text, data, {"archive/byteorder", "big"}})),
                  {"big bytes first"});
  expect_mentions(refused(zip_bytes({{"a/b/data.pkl", pickle.done()}, data})), {"no data.pkl"});
}

// What torch.save wrote before 1.6 begins with a magic number, a plain pickle with anything.
TEST_F(StateDict, BarePicklesAreRefusedWithTheWayToConvertThem) {
  using namespace std::string_literals;
  for (const std::string& bytes : {"\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."s,
                                   "\x80\x04}."s, "\x80\x05\x95"s + std::string(20, 'x')}) {
    const auto path = folder_.write("old.pt", bytes);
    expect_mentions(error_message([&] { Checkpoint checkpoint(path); }),
                    {"old.pt", "before PyTorch 1.6", "torch.load", "weights_only=True"});
  }
}

// 640 = 0x0280 bytes of header: the first two bytes are those of a pickle.
TEST_F(StateDict, ASafetensorsFileIsNotMistakenForAPickle) {
  const std::string head = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
  const std::string header = head + std::string(640 - head.size(), ' ');
  const auto path =
      folder_.write("w.safetensors", std::string("\x80\x02\0\0\0\0\0\0", 8) + header + "x");
  EXPECT_TRUE(Checkpoint(path).contains("a"));
}

}  // namespace
}  // namespace isomerge
