// isomerge convert: between all formats, by the real program.
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/pickle_bytes.h"
#include "support/program.h"
#include "support/random_tensors.h"
#include "support/script_module.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

class ConvertCommand : public ::testing::Test {
 protected:
  ConvertCommand() {
    weights_ = {{"visual.proj", random_tensor({12, 8}, 1).to(at::kFloat)},
                {"visual.bias", random_tensor({8}, 2).to(at::kHalf)},
                {"ids", at::arange(6, at::kLong)}};
    write_safetensors(path("in.safetensors"), weights_, {{"author", "me"}});
    ScriptModule module;
    module.parameters = {{"visual.proj", at::zeros({12, 8})},
                         {"visual.bias", at::zeros({8}, at::kHalf)}};
    module.buffers = {{"ids", at::zeros({6}, at::kLong)}};
    module.methods = "def forward(self, x):\n  return x\n";
    module.save(path("program.pt"));
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  ProgramResult convert(const std::string& in, const std::string& out,
                        const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"convert", path(in), path(out)};
    words.insert(words.end(), more.begin(), more.end());
    return run_isomerge(words);
  }

  void expect_weights(const std::string& name) const {
    const Checkpoint checkpoint(path(name));
    EXPECT_EQ(checkpoint.tensors().size(), weights_.size());
    for (const auto& [key, tensor] : weights_) {
      EXPECT_EQ(checkpoint.read(key).scalar_type(), tensor.scalar_type()) << key;
      EXPECT_TRUE(checkpoint.read(key).equal(tensor)) << key;
    }
  }

  void expect_refusal(const ProgramResult& result, const std::vector<std::string>& texts) const {
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_EQ(result.out, "");
    expect_mentions(result.err, texts);
  }

  TemporaryFolder folder_;
  Weights weights_;
};

TEST_F(ConvertCommand, GoesAroundThroughAllFormatsWithoutLosingABit) {
  folder_.write("config.json", "{\"a\": 1}");
  const ProgramResult folder = convert("in.safetensors", "sharded/", {"--shard-size", "100B"});
  EXPECT_EQ(folder.exit_code, 0) << folder.err;
  expect_mentions(folder.out, {"sharded/", "3 tensors", "448 B", "safetensors from"});
  EXPECT_TRUE(std::filesystem::exists(path("sharded/model.safetensors.index.json")));
  EXPECT_EQ(TemporaryFolder::read(path("sharded/config.json")), "{\"a\": 1}");
  expect_mentions(TemporaryFolder::read(path("sharded/README.md")),
                  {"# sharded", "in.safetensors", "3 tensors"});
  EXPECT_EQ(Checkpoint(path("sharded")).metadata().at("author"), "me");
  expect_weights("sharded");
  EXPECT_EQ(convert("sharded", "m.pt", {"--program", path("program.pt")}).exit_code, 0);
  EXPECT_EQ(Checkpoint(path("m.pt")).format(), Format::kTorchScript);
  expect_weights("m.pt");
  EXPECT_EQ(convert("m.pt", "copy.pt").exit_code, 0) << "with its own program";
  expect_weights("copy.pt");
  const ProgramResult back = convert("copy.pt", "out.safetensors", {"--json"});
  EXPECT_EQ(nlohmann::json::parse(back.out)["bytes"], 448);
  expect_weights("out.safetensors");
  EXPECT_EQ(Checkpoint(path("out.safetensors")).metadata().at("format"), "pt");
}

TEST_F(ConvertCommand, GoesUnderTheNamesOfTheOtherLibraryAndBackToTheSameBytes) {
  const Weights tower = {{"model.visual.conv1.weight", random_tensor({8, 3, 2, 2}, 3)},
                         {"model.visual.proj", random_tensor({8, 4}, 4).to(at::kHalf)},
                         {"model.visual.transformer.resblocks.0.attn.in_proj_weight",
                          random_tensor({24, 8}, 5).to(at::kFloat)}};
  write_safetensors(path("tower.safetensors"), tower, {{"author", "me"}, {"format", "pt"}});
  folder_.write("config.json", "{\"of\": \"OpenCLIP\"}");
  const ProgramResult there = convert("tower.safetensors", "hf/", {"--names", "hf", "--json"});
  EXPECT_EQ(there.exit_code, 0) << there.err;
  EXPECT_EQ(nlohmann::json::parse(there.out)["tensors"], 5);
  EXPECT_FALSE(std::filesystem::exists(path("hf/config.json"))) << "another library's";
  EXPECT_TRUE(Checkpoint(path("hf")).contains("visual_projection.weight"));
  const ProgramResult back =
      convert("hf", "back.safetensors", {"--names", "openclip", "--prefix", "model."});
  EXPECT_EQ(back.exit_code, 0) << back.err;
  EXPECT_EQ(TemporaryFolder::read(path("back.safetensors")),
            TemporaryFolder::read(path("tower.safetensors")));
  ScriptModule module;
  for (const auto& [name, tensor] : tower) {
    module.parameters.push_back({name.substr(6), at::zeros(tensor.sizes(), tensor.options())});
  }
  module.methods = "def forward(self, x):\n  return x\n";
  module.save(path("tower.pt"));
  EXPECT_EQ(convert("hf", "m.pt", {"--names", "openclip", "--program", path("tower.pt")}).exit_code,
            0);
  EXPECT_TRUE(Checkpoint(path("m.pt")).read("visual.proj").equal(tower.at("model.visual.proj")));

  expect_refusal(convert("hf", "x.safetensors", {"--names", "clip"}),
                 {"--names", "openclip or hf"});
  expect_refusal(convert("hf", "x.safetensors", {"--prefix", "model."}), {"--prefix is for"});
  expect_refusal(convert("in.safetensors", "x/", {"--names", "hf"}), {"visual.conv1.weight"});
  EXPECT_FALSE(std::filesystem::exists(path("x")));
}

TEST_F(ConvertCommand, TakesStateDictsAndKeepsAReadmeThatIsThere) {
  PickleBytes pickle;
  pickle.raw("}").text("w").tensor("ByteStorage", "0", 3, 0, {3}, {1}).raw("s");
  folder_.write("model/pytorch_model.bin", state_dict_bytes(pickle.done(), {"abc"}));
  folder_.write("model/README.md", "mine");
  EXPECT_EQ(convert("model", "model/").exit_code, 0);
  EXPECT_EQ(Checkpoint(path("model/model.safetensors")).read("w")[2].item<int>(), 'c');
  EXPECT_EQ(TemporaryFolder::read(path("model/README.md")), "mine");
}

TEST_F(ConvertCommand, ChangesTheDtypeOfFloatingTensorsOnly) {
  EXPECT_EQ(convert("in.safetensors", "b.safetensors", {"--dtype", "bf16"}).exit_code, 0);
  const Checkpoint checkpoint(path("b.safetensors"));
  EXPECT_TRUE(checkpoint.read("visual.proj").equal(weights_.at("visual.proj").to(at::kBFloat16)));
  EXPECT_EQ(checkpoint.require_info("visual.bias").dtype, at::kBFloat16);
  EXPECT_EQ(checkpoint.require_info("ids").dtype, at::kLong);
  write_safetensors(path("large.safetensors"), {{"w", at::full({2}, 1e6f)}});
  expect_refusal(convert("large.safetensors", "half.safetensors", {"--dtype", "fp16"}),
                 {"half.safetensors", "w", "too large for fp16"});
  EXPECT_FALSE(std::filesystem::exists(path("half.safetensors")));
}

TEST_F(ConvertCommand, AnOutputThatIsAnInputIsRefused) {
  expect_refusal(convert("in.safetensors", "./in.safetensors"), {"would replace the input"});
  expect_refusal(convert("program.pt", "program.pt"), {"would replace the input"});
  ASSERT_EQ(convert("in.safetensors", "m/", {"--shard-size", "100B"}).exit_code, 0);
  expect_refusal(convert("m", "m/"), {"m/", "would replace the input", "model-00001-of-"});
  expect_refusal(convert("in.safetensors", "program.pt", {"--program", path("program.pt")}),
                 {"would replace the input"});
  expect_weights("m");
}

TEST_F(ConvertCommand, WhatDoesNotFitTheOutputIsRefused) {
  expect_refusal(convert("in.safetensors", "x.onnx"), {"x.onnx", "unknown kind of output"});
  expect_refusal(convert("in.safetensors", "x.safetensors", {"--shard-size", "1GiB"}),
                 {"--shard-size is for a folder"});
  expect_refusal(convert("in.safetensors", "x/", {"--shard-size", "1 GiX"}),
                 {"--shard-size", "1 GiX", "5GiB"});
  expect_refusal(convert("in.safetensors", "x/", {"--shard-size", "0"}), {"--shard-size", "0"});
  expect_refusal(convert("in.safetensors", "x/", {"--program", path("program.pt")}),
                 {"--program is for *.pt"});
  expect_refusal(convert("in.safetensors", "x.pt", {"--dtype", "fp16"}), {"--dtype is for"});
  expect_refusal(convert("in.safetensors", "x.safetensors", {"--dtype", "fp8"}),
                 {"--dtype", "fp8"});
  expect_refusal(convert("in.safetensors", "x.pt"), {"in.safetensors", "--program"});
  expect_refusal(run_isomerge({"convert", path("in.safetensors")}), {"usage: isomerge convert"});
  write_safetensors(path("other.safetensors"), {{"visual.proj", at::zeros({8, 12})}});
  expect_refusal(convert("other.safetensors", "x.pt", {"--program", path("program.pt")}),
                 {"shape: visual.proj: expected [12, 8]", "missing: ids", "missing: visual.bias"});
  EXPECT_FALSE(std::filesystem::exists(path("x")));
  EXPECT_FALSE(std::filesystem::exists(path("x.pt")));
}

TEST_F(ConvertCommand, AFullDiskLeavesNoFilesInTheFolder) {
  write_safetensors(path("large.safetensors"),
                    {{"w", at::zeros({9000})}, {"v", at::zeros({9000})}});
  const ProgramResult result =
      run_isomerge({"convert", path("large.safetensors"), path("d/"), "--shard-size", "36000B"},
                   "ulimit -f 16;");
  EXPECT_EQ(result.exit_code, 3) << result.err;
  expect_mentions(result.err, {"d/model-0000", "nothing was left behind"});
  EXPECT_TRUE(std::filesystem::is_empty(path("d")));
}

TEST_F(ConvertCommand, ExtractsAnAdapter) {
  const Weights base = {{"q.weight", random_tensor({12, 8}, 1).to(at::kFloat)},
                        {"q.bias", at::zeros({12})}};
  Weights expert = base;
  expert["q.weight"] = base.at("q.weight").add(random_tensor({12, 8}, 2).to(at::kFloat));
  write_safetensors(path("base.safetensors"), base);
  write_safetensors(path("expert.safetensors"), expert);
  const auto run = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> words{"--adapter-of", path("base.safetensors")};
    words.insert(words.end(), more.begin(), more.end());
    return convert("expert.safetensors", out, words);
  };
  const ProgramResult plain = run("adapter/", {"--rank", "3"});
  EXPECT_EQ(plain.exit_code, 0) << plain.err;
  expect_mentions(plain.out, {"adapter of 1 matrices, rank 3, relative error 0.", "(q.weight)"});
  const Checkpoint adapter(path("adapter/adapter_model.safetensors"));
  EXPECT_EQ(adapter.require_info("base_model.model.q.lora_B.weight").shape,
            (std::vector<int64_t>{12, 3}));
  const ProgramResult json = run("half/", {"--error", "0.2", "--dtype", "fp16", "--json"});
  EXPECT_EQ(json.exit_code, 0) << json.err;
  const auto summary = nlohmann::json::parse(json.out);
  EXPECT_LE(summary.at("relative_error"), 0.2);
  EXPECT_EQ(summary.at("matrices").at(0).at("name"), "q.weight");
  EXPECT_EQ(summary.at("unchanged"), 1);
  expect_refusal(run("x.safetensors", {"--rank", "3"}), {"an adapter is a folder"});
  expect_refusal(run("x/", {"--rank", "3", "--names", "hf"}), {"--names does not go with"});
  expect_refusal(run("x/", {}), {"either a rank or an error"});
  expect_refusal(convert("in.safetensors", "x.safetensors", {"--rank", "3"}),
                 {"--rank is for --adapter-of"});
  write_safetensors(path("expert.safetensors"),
                    {{"q.weight", expert["q.weight"]}, {"q.bias", at::ones({12})}});
  expect_refusal(run("x/", {"--rank", "3"}), {"1 other tensors changed: q.bias"});
  const ProgramResult dropped = run("d/", {"--rank", "3", "--drop-others"});
  expect_mentions(dropped.out, {"left as in the base, although changed: q.bias"});
}

}  // namespace
}  // namespace isomerge
