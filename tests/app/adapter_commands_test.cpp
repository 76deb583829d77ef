// Adapters in and out by the real program: merges written as adapters, and experiments whose
// experts are adapters.
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/mm.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/program.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

at::Tensor random(int64_t rows, int64_t columns, uint64_t seed) {
  return random_tensor({rows, columns}, seed).to(at::kFloat);
}

// A base with two matrices and a vector, and adapters of rank 2 of both matrices.
class AdapterCommands : public ::testing::Test {
 protected:
  AdapterCommands()
      : base_({{"block.q.weight", random(12, 10, 1)},
               {"block.v.weight", random(9, 14, 2)},
               {"block.norm", random(1, 5, 3)[0]}}) {
    write_safetensors(folder_ / "base.safetensors", base_);
    for (const uint64_t task : {1, 2}) {
      const fs::path adapter = folder_ / fmt::format("adapter{}", task);
      fs::create_directories(adapter);
      folder_.write(fmt::format("adapter{}/adapter_config.json", task),
                    R"({"peft_type": "LORA", "r": 2, "lora_alpha": 2})");
      write_safetensors(adapter / "adapter_model.safetensors",
                        {{"base_model.model.block.q.lora_A.weight", random(2, 10, 10 * task)},
                         {"base_model.model.block.q.lora_B.weight", random(12, 2, 10 * task + 1)},
                         {"base_model.model.block.v.lora_A.weight", random(2, 14, 10 * task + 2)},
                         {"base_model.model.block.v.lora_B.weight", random(9, 2, 10 * task + 3)}});
    }
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  // Iso-C of both adapters with r the rank of the sum: every matrix has four equal singular values.
  std::vector<std::string> words(const std::string& out,
                                 const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"merge",
                                    "--method",
                                    "iso_c",
                                    "--option",
                                    "r=sum",
                                    "--alpha",
                                    "1.5",
                                    "--base",
                                    path("base.safetensors"),
                                    "--expert",
                                    "a=" + path("adapter1"),
                                    "--expert",
                                    "b=" + path("adapter2"),
                                    "--out",
                                    path(out),
                                    "--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  void expect_refused(const std::vector<std::string>& words,
                      const std::vector<std::string>& texts) const {
    const ProgramResult result = run_isomerge(words);
    EXPECT_EQ(result.exit_code, 2) << result.out;
    EXPECT_EQ(result.out, "");
    expect_mentions(result.err, texts);
    EXPECT_FALSE(fs::exists(folder_ / "out/adapter_config.json"));
    EXPECT_FALSE(fs::exists(folder_ / "out/adapter_model.safetensors"));
  }

  // |a - b| / |b - base| over all tensors of two files.
  double distance(const std::string& a, const std::string& b) const {
    const Checkpoint got(path(a)), want(path(b));
    double difference = 0.0, update = 0.0;
    for (const auto& [name, base] : base_) {
      const at::Tensor wanted = want.read(name).to(at::kDouble);
      difference += (got.read(name).to(at::kDouble) - wanted).pow(2).sum().item<double>();
      update += (wanted - base.to(at::kDouble)).pow(2).sum().item<double>();
    }
    return std::sqrt(difference / update);
  }

  TemporaryFolder folder_;
  const Weights base_;
};

TEST_F(AdapterCommands, AMergeAsAnAdapterIsAnExpertThatGivesTheMergedModelBack) {
  ASSERT_EQ(run_isomerge(words("merged.safetensors")).exit_code, 0);
  const ProgramResult result = run_isomerge(words("out/", {"--adapter-rank", "4", "--json"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto adapter = nlohmann::json::parse(result.out)["merges"][0]["adapter"];
  EXPECT_EQ(adapter["least_rank"], 4);
  EXPECT_EQ(adapter["most_rank"], 4);
  EXPECT_LT(adapter["relative_error"].get<double>(), 1e-6);
  const ProgramResult back = run_isomerge(
      {"merge", "--method", "task_arithmetic", "--alpha", "1", "--base", path("base.safetensors"),
       "--expert", "a=" + path("out"), "--out", path("back.safetensors"), "--quiet"});
  ASSERT_EQ(back.exit_code, 0) << back.err;
  EXPECT_LT(distance("back.safetensors", "merged.safetensors"), 1e-6);
}

// Half of four equal squares is left out.
TEST_F(AdapterCommands, AnAdapterOfLessRankIsTheBestAndItsErrorIsPrinted) {
  const ProgramResult result = run_isomerge(words("out/", {"--adapter-rank", "2"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  expect_mentions(result.out, {"an adapter of rank 2 with a relative error of 0.71"});
  ASSERT_EQ(run_isomerge(words("merged.safetensors")).exit_code, 0);
  ASSERT_EQ(run_isomerge({"merge", "--method", "task_arithmetic", "--alpha", "1", "--base",
                          path("base.safetensors"), "--expert", "a=" + path("out"), "--out",
                          path("back.safetensors"), "--quiet"})
                .exit_code,
            0);
  EXPECT_NEAR(distance("back.safetensors", "merged.safetensors"), std::sqrt(0.5), 1e-5);
}

TEST_F(AdapterCommands, WhatAnAdapterCannotHoldIsRefused) {
  expect_refused(words("out.safetensors", {"--adapter-rank", "4"}),
                 {"out.safetensors", "an adapter is a folder"});
  expect_refused(words("out/", {"--adapter-rank", "4", "--update-only"}), {"update"});
  expect_refused(words("adapter1/", {"--adapter-rank", "4"}),
                 {"adapter1", "would replace the input", "adapter_config.json"});
  Weights expert = base_;
  expert["block.norm"] = expert["block.norm"] + 1.0;
  write_safetensors(folder_ / "full.safetensors", expert);
  std::vector<std::string> with_norm =
      words("out/", {"--adapter-rank", "4", "--expert", "c=" + path("full.safetensors")});
  expect_refused(with_norm, {"out", "1 other tensors: block.norm", "--exclude"});
  with_norm.insert(with_norm.end(), {"--exclude", "block.norm"});
  EXPECT_EQ(run_isomerge(with_norm).exit_code, 0);
}

// The shipped experts of two tasks; accuracies are those of models/mini/MANIFEST.json. RegMean
// needs statistics of what the adapters make of the base.
TEST(AdapterExperiments, HaveRowsOfAdaptersAsOfOtherExperts) {
  const TemporaryFolder folder;
  const std::string source = ISOMERGE_SOURCE_DIR;
  const std::string suite = source + "/experiments/suites/mini_vision_lora.json";
  const auto file = folder.write("two.json", R"({"title": "Two", "suite": ")" + suite + R"(",
    "tasks": ["digits", "greek"],
    "methods": ["zero_shot", "fine_tuned", {"method": "knots_ties", "alpha": 1},
                {"method": "iso_c", "alpha": 1, "options": {"r": ["shape", "sum"]}}, "regmean"],
    "select": {"axes": ["alpha"], "split": "val", "patience": 0}})");
  const std::string results = (folder / "r").string();
  const ProgramResult run =
      run_isomerge({"run", file.string(), "--results", results, "--quiet", "--threads", "1"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const ProgramResult report =
      run_isomerge({"report", file.string(), "--results", results, "--json"});
  ASSERT_EQ(report.exit_code, 0) << report.err;
  const auto table = nlohmann::json::parse(report.out);
  ASSERT_EQ(table["rows"].size(), 6u);
  EXPECT_DOUBLE_EQ(table["rows"][1]["accuracy"].get<double>(), (0.972 + 0.908) / 2);
  for (size_t row = 2; row < 6; ++row) {
    EXPECT_GT(table["rows"][row]["accuracy"].get<double>(),
              table["rows"][0]["accuracy"].get<double>() + 0.05)
        << table["rows"][row]["title"];
  }
  EXPECT_NE(table["rows"][3]["accuracy"], table["rows"][4]["accuracy"]) << "two readings of r";
  const ProgramResult second =
      run_isomerge({"run", file.string(), "--results", results, "--quiet", "--threads", "1"});
  expect_mentions(second.out, {"nothing to do"});
}

TEST(AdapterExperiments, EvaluateTakesAnAdapterForWeights) {
  const std::string source = ISOMERGE_SOURCE_DIR;
  const ProgramResult result = run_isomerge(
      {"evaluate", source + "/experiments/suites/mini_vision_lora.json", "--weights",
       source + "/models/mini/vit/adapters/digits", "--task", "digits", "--json", "--quiet"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out).at("tasks").at(0).at("correct"), 972);
}

}  // namespace
}  // namespace isomerge
