#include "checkpoint/archive.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <caffe2/serialize/inline_container.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/unpickler.h"
#include "support/expect_error.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

// visual.proj [4, 3] fp32, visual.bias [3] fp16, a transposed and an integer buffer; forward uses
// them, so that a copy can be run.
std::filesystem::path save_module(const TemporaryFolder& folder) {
  torch::jit::Module visual("visual"), module("encoder");
  visual.register_parameter("proj", random_tensor({4, 3}, 1).to(at::kFloat), false);
  visual.register_parameter("bias", random_tensor({3}, 2).to(at::kHalf), false);
  visual.register_buffer("turned", random_tensor({2, 5}, 3).to(at::kFloat).t());
  visual.register_buffer("ids", at::arange(6, at::kLong));
  visual.define("def forward(self, x):\n  return x @ self.proj + self.bias.float()\n");
  module.register_module("visual", visual);
  module.define("def forward(self, x):\n  return self.visual.forward(x)\n");
  const auto path = folder / "encoder.pt";
  module.save(path.string());
  return path;
}

TEST(Archive, TorchScriptWeightsAreReadByDottedNameWithoutRunningTheProgram) {
  const TemporaryFolder folder;
  const Checkpoint checkpoint(save_module(folder));
  EXPECT_EQ(checkpoint.format(), Format::kTorchScript);
  const Weights weights = checkpoint.read_all();
  ASSERT_EQ(weights.size(), 4u);
  EXPECT_TRUE(weights.at("visual.proj").equal(random_tensor({4, 3}, 1).to(at::kFloat)));
  EXPECT_TRUE(weights.at("visual.bias").equal(random_tensor({3}, 2).to(at::kHalf)));
  EXPECT_TRUE(weights.at("visual.turned").equal(random_tensor({2, 5}, 3).to(at::kFloat).t()));
  EXPECT_TRUE(weights.at("visual.turned").is_contiguous());
  EXPECT_TRUE(weights.at("visual.ids").equal(at::arange(6, at::kLong)));
}

TEST(Archive, ACopyHoldsTheNewWeightsAndStillRuns) {
  const TemporaryFolder folder;
  const Checkpoint pattern(save_module(folder));
  const auto out = folder / "merged.pt";
  write_archive(out, pattern, [&](const std::string& name) {
    const at::Tensor old = pattern.read(name);
    return old.is_floating_point() ? old.to(at::kDouble).mul(2) : old;
  });
  const Checkpoint copy(out);
  for (const TensorInfo& info : pattern.tensors()) {
    const at::Tensor old = pattern.read(info.name);
    EXPECT_EQ(copy.require_info(info.name).dtype, info.dtype);
    EXPECT_TRUE(copy.read(info.name).equal(old.is_floating_point() ? old.mul(2) : old))
        << info.name;
  }
  const at::Tensor x = at::ones({1, 4});
  auto run = [&](const std::filesystem::path& path) {
    return torch::jit::load(path.string()).forward({x}).toTensor();
  };
  EXPECT_LE(relative_error(run(out), run(folder / "encoder.pt").mul(2)), 1e-6);
}

TEST(Archive, CutAnywhereIsRefused) {
  const TemporaryFolder folder;
  const std::string whole = TemporaryFolder::read(save_module(folder));
  for (size_t size = 0; size < whole.size(); size += 7) {
    const auto path = folder.write("cut.pt", whole.substr(0, size));
    EXPECT_THROW(Checkpoint checkpoint(path), Error) << "cut to " << size << " bytes";
  }
}

TEST(Archive, AnyFlippedByteGivesAnErrorOrAReadableFile) {
  const TemporaryFolder folder;
  const std::string whole = TemporaryFolder::read(save_module(folder));
  for (size_t at = 0; at < whole.size(); at += 3) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x55);
    const auto path = folder.write("flipped.pt", flipped);
    try {
      for (const auto& [name, tensor] : Checkpoint(path).read_all()) tensor.sum();
    } catch (const Error&) {
    }
  }
}

TEST(Archive, AnyOtherZipIsRefused) {
  const TemporaryFolder folder;
  // An empty archive: only an end record.
  const auto path = folder.write(
      "x.zip", "PK\x03\x04" + std::string(30, '\0') + "PK\x05\x06" + std::string(18, '\0'));
  expect_mentions(error_message([&] { Checkpoint checkpoint(path); }), {"x.zip", "no data.pkl"});
}

TEST(Archive, APickleThatHoldsItselfIsRefused) {
  using namespace std::string_literals;
  const TemporaryFolder folder;
  const std::string path = (folder / "loop.pt").string();
  const std::string pickle = "\x80\x02}q\x00X\x01\x00\x00\x00"s + "ah\x00s."s;
  caffe2::serialize::PyTorchStreamWriter writer(path);
  writer.writeRecord("data.pkl", pickle.data(), pickle.size());
  writer.writeEndOfFile();
  expect_mentions(error_message([&] { Checkpoint checkpoint(path); }), {"nested too deeply"});
}

TEST(Archive, TwoNamesOfOneStorageMustGetEqualValues) {
  const TemporaryFolder folder;
  torch::jit::Module module("tied");
  const at::Tensor shared = at::ones({2, 2});
  module.register_buffer("a", shared);
  module.register_buffer("b", shared);
  module.define("def forward(self, x):\n  return x\n");
  module.save((folder / "tied.pt").string());
  const Checkpoint pattern(folder / "tied.pt");
  ASSERT_EQ(pattern.tensors().size(), 2u);
  EXPECT_NO_THROW(write_archive(folder / "same.pt", pattern, [](const std::string&) {
    return at::full({2, 2}, 3.0);
  }));
  EXPECT_TRUE(Checkpoint(folder / "same.pt").read("b").equal(at::full({2, 2}, 3.0f)));
  expect_mentions(error_message([&] {
                    write_archive(folder / "bad.pt", pattern, [](const std::string& name) {
                      return at::full({2, 2}, name == "a" ? 1.0 : 2.0);
                    });
                  }),
                  {"shares its storage"});
  EXPECT_FALSE(std::filesystem::exists(folder / "bad.pt"));
}

// protocol 2, GLOBAL os system, a text, TUPLE1, REDUCE
TEST(Unpickler, APickleThatCallsAFunctionIsRefusedByItsName) {
  expect_mentions(error_message([] {
                    read_pickle(
                        "\x80\x02"
                        "cos\nsystem\nX\x02\x00\x00\x00ls\x85R.",
                        "m.pt");
                  }),
                  {"m.pt", "os.system", "a program, not data"});
}

TEST(Unpickler, APickledModuleIsRefusedWithTheWayOut) {
  expect_mentions(error_message([] {
                    read_pickle(
                        "\x80\x02"
                        "copen_clip.model\nCLIP\n)\x81.",
                        "m.pt");
                  }),
                  {"open_clip.model.CLIP", "state_dict"});
}

TEST(Unpickler, ReadsNumbersTextsAndContainers) {
  using namespace std::string_literals;
  // {'a': [1, -2, 300, 70000], 'b': (True, None, 2**40)}
  const std::string bytes = "\x80\x02}q\x00(X\x01\x00\x00\x00"s +
                            "a](K\x01J\xfe\xff\xff\xffM\x2c\x01J\x70\x11\x01\x00"s +
                            "eX\x01\x00\x00\x00"s + "b\x88N\x8a\x06\x00\x00\x00\x00\x00\x01\x87u."s;
  const PickleValue value = read_pickle(bytes, "p");
  ASSERT_EQ(value->items.size(), 4u);
  ASSERT_EQ(value->items[1]->items.size(), 4u);
  EXPECT_EQ(value->items[1]->items[1]->integer, -2);
  EXPECT_EQ(value->items[1]->items[2]->integer, 300);
  EXPECT_EQ(value->items[1]->items[3]->integer, 70000);
  ASSERT_EQ(value->items[3]->items.size(), 3u);
  EXPECT_EQ(value->items[3]->items[2]->integer, int64_t{1} << 40);
}

TEST(Unpickler, StackAndMemoFaultsAreErrors) {
  using namespace std::string_literals;
  for (const std::string& bytes :
       {"."s, "R."s, "e."s, "(."s, "h\x01."s, "K"s, "X\xff\xff\xff\xff."s, "]K\x01s."s,
        "\x8a\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01."s, "K\x01Q."s, "\xff."s, "N)b."s}) {
    EXPECT_THROW(read_pickle(bytes, "p"), Error) << bytes;
  }
}

}  // namespace
}  // namespace isomerge
