#include "checkpoint/archive.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <caffe2/serialize/inline_container.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/pickle_bytes.h"
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

// The directory says how much text the program is; it is believed before anything is inflated.
TEST(Archive, AProgramThatClaimsToBeEnormousIsNotInflated) {
  const TemporaryFolder folder;
  PickleBytes pickle;
  pickle.global("__torch__", "Encoder").raw(")\x81}").text("w");
  pickle.tensor("FloatStorage", "0", 1, 0, {1}, {1}).raw("sb");
  const ZipEntry text{"archive/data.pkl", pickle.done()};
  const ZipEntry data{"archive/data/0", std::string(4, '\0')};
  const ZipEntry bomb{"archive/code/x.py", "deflated", 8, 300u << 20};
  const auto refusal = [&](const std::vector<ZipEntry>& entries) {
    const Checkpoint pattern(folder.write("p.pt", zip_bytes(entries)));
    EXPECT_EQ(pattern.format(), Format::kTorchScript);
    return error_message([&] {
      write_archive(folder / "out.pt", pattern, [](const std::string&) { return at::ones({1}); });
    });
  };
  expect_mentions(refusal({text, data, bomb}), {"p.pt", "300.0 MiB", "256.0 MiB"});
  const ZipEntry half{"archive/code/y.py", "deflated", 8, 200u << 20};
  const ZipEntry other_half{"archive/code/z.py", "deflated", 8, 200u << 20};
  expect_mentions(refusal({text, data, half, other_half}), {"p.pt", "256.0 MiB"});
  expect_mentions(refusal({text, data, {"elsewhere", "x"}}), {"elsewhere", "not below"});
  EXPECT_FALSE(std::filesystem::exists(folder / "out.pt"));
}

TEST(Archive, ValuesThatTheDtypeOfThePatternCannotHoldAreRefused) {
  const TemporaryFolder folder;
  const Checkpoint pattern(save_module(folder));
  expect_mentions(error_message([&] {
                    write_archive(folder / "out.pt", pattern, [&](const std::string& name) {
                      const at::Tensor old = pattern.read(name);
                      return name == "visual.bias" ? at::full({3}, 1e6) : old;
                    });
                  }),
                  {"visual.bias", "too large for fp16"});
  EXPECT_FALSE(std::filesystem::exists(folder / "out.pt"));
}

TEST(Archive, WeightsOfAnotherShapeAreOurOwnFault) {
  const TemporaryFolder folder;
  const Checkpoint pattern(save_module(folder));
  error_message(
      [&] {
        write_archive(folder / "out.pt", pattern, [](const std::string&) { return at::ones({9}); });
      },
      Fault::kInternal);
}

TEST(Archive, AStateDictIsNoPatternForAProgram) {
  const TemporaryFolder folder;
  PickleBytes pickle;
  pickle.raw("}").text("w").tensor("FloatStorage", "0", 1, 0, {1}, {1}).raw("s");
  const Checkpoint pattern(
      folder.write("m.pt", state_dict_bytes(pickle.done(), {std::string(4, '\0')})));
  expect_mentions(error_message([&] {
                    write_archive(folder / "out.pt", pattern,
                                  [](const std::string&) { return at::ones({1}); });
                  }),
                  {"m.pt", "state dict", "no program"});
}

}  // namespace
}  // namespace isomerge
