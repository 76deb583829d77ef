// statistics, merge, evaluate and run by the real program, on the shipped mini language suite.
#include <filesystem>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint.h"
#include "support/expect_error.h"
#include "support/program.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

const std::string kSource = ISOMERGE_SOURCE_DIR;
const std::string kSuite = kSource + "/experiments/suites/mini_language.json";
const std::string kModel = kSource + "/models/mini/t5/";

class LanguageCommandsTest : public testing::Test {
 protected:
  ProgramResult statistics(const std::string& kind, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"statistics", kSuite,   "--kind", kind,     "--out",
                                      folder(),     "--task", "part",   "--task", "past",
                                      "--examples", "3",      "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return run_isomerge(words);
  }

  ProgramResult merge(const std::string& method) {
    return run_isomerge(
        {"merge", "--method", method, "--statistics", folder(), "--base",
         kModel + "base.safetensors", "--expert", "part=" + kModel + "experts/part.safetensors",
         "--expert", "past=" + kModel + "experts/past.safetensors", "--average", "shared.weight",
         "--average", "lm_head.weight", "--out", (folder_ / "out.safetensors").string()});
  }

  std::string folder() const { return (folder_ / "statistics").string(); }

  TemporaryFolder folder_;
};

TEST_F(LanguageCommandsTest, StatisticsAreGatheredOnceAndMergedWith) {
  for (const char* kind : {"fisher", "kfac", "block_fisher"}) {
    const ProgramResult result = statistics(kind);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    expect_mentions(result.out, {"part: ", "past: ", "1 pass"});
  }
  expect_mentions(statistics("gram").out, {"part: all there already", "past: all there already"});
  const Checkpoint base(kModel + "base.safetensors");
  for (const char* method : {"fisher", "regmean", "mats"}) {
    const ProgramResult result = merge(method);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const Checkpoint merged(folder_ / "out.safetensors");
    for (const char* name : {"encoder.block.0.layer.0.SelfAttention.q.weight", "shared.weight"}) {
      EXPECT_GT(relative_error(merged.read(name), base.read(name)), 1e-4) << method << " " << name;
    }
  }
  expect_mentions(merge("mats").err, {"SelfAttention.q.weight: ", "steps, residual"});
}

TEST_F(LanguageCommandsTest, StatisticsOfAnotherExpertAreRefused) {
  ASSERT_EQ(statistics("gram").exit_code, 0);
  std::filesystem::rename(folder() + "/part.input.safetensors", folder() + "/kept");
  std::filesystem::rename(folder() + "/past.input.safetensors",
                          folder() + "/part.input.safetensors");
  std::filesystem::rename(folder() + "/kept", folder() + "/past.input.safetensors");
  const ProgramResult result = merge("regmean");
  EXPECT_EQ(result.exit_code, 2);
  expect_mentions(result.err,
                  {"part.input.safetensors", "expected statistics input of task \"part\""});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.safetensors"));
}

TEST_F(LanguageCommandsTest, LittleMemoryTakesMorePasses) {
  const ProgramResult result = statistics("gram", {"--max-memory", "600KB", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_GT(json.at("part").at(0).at("passes").get<int>(), 1);
  EXPECT_LE(json.at("part").at(0).at("bytes_of_a_pass").get<int64_t>(), 600000);
  const ProgramResult refused = statistics("fisher", {"--max-memory", "1KB"});
  EXPECT_EQ(refused.exit_code, 2);
  expect_mentions(refused.err, {"--max-memory 1000 B is not enough"});
}

TEST_F(LanguageCommandsTest, EvaluateScoresChoicesAndWrittenAnswers) {
  const ProgramResult result =
      run_isomerge({"evaluate", kSuite, "--weights", kModel + "experts/part.safetensors", "--task",
                    "part", "--split", "val", "--json", "--quiet"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json.at("tasks").at(0).at("total").get<int>(), 500);
  EXPECT_GT(json.at("mean_accuracy").get<double>(), 0.6);
}

TEST_F(LanguageCommandsTest, AnExperimentMakesItsStatisticsAndKeepsTheSolversLog) {
  const auto file = folder_.write("t.json", R"({"title": "T", "suite": ")" + kSuite + R"(",
    "tasks": ["origin", "past"], "average": ["shared.weight", "lm_head.weight"],
    "methods": ["fine_tuned", "regmean", {"method": "mats", "options": {"iterations": 2}}],
    "report": {"split": "val"}})");
  const std::string results = (folder_ / "r").string();
  const ProgramResult first = run_isomerge({"run", file.string(), "--results", results, "--quiet"});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  for (const char* name : {"origin.input", "past.input", "origin.output", "past.output"}) {
    EXPECT_TRUE(
        std::filesystem::exists(folder_ / ("r/statistics/" + std::string(name) + ".safetensors")))
        << name;
  }
  std::string logs;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "r")) {
    const std::string text =
        entry.path().extension() == ".json" ? TemporaryFolder::read(entry.path()) : "";
    if (text.find("linear systems of the merge") != std::string::npos) logs += text;
  }
  expect_mentions(logs, {"first_residual", "decoder.block.0.layer.1.EncDecAttention.k.weight"});
  const ProgramResult second = run_isomerge({"run", file.string(), "--results", results});
  EXPECT_EQ(second.exit_code, 0) << second.err;
  expect_mentions(second.out + second.err, {"nothing to do"});
  const ProgramResult report = run_isomerge(
      {"report", file.string(), "--results", results, "--out", results, "--format", "md"});
  EXPECT_EQ(report.exit_code, 0) << report.err;
  expect_mentions(report.out, {"RegMean", "MaTS"});
}

}  // namespace
}  // namespace isomerge
