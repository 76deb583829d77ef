// isomerge analyze: tables, JSON and slips, by the real program.
#include <cmath>

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/program.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

using Json = nlohmann::json;
using Words = std::vector<std::string>;

// Updates of w [2, 3]: a is 3 in the first row and 4 in the second, b is 5 in the second row alone.
// Their sum has rows of 3 and 9; left directions are the axes, the second row first.
class AnalyzeCommand : public ::testing::Test {
 protected:
  AnalyzeCommand() {
    save("base", {0, 0, 0, 0, 0, 0});
    save("a", {3, 0, 0, 0, 4, 0});
    save("b", {0, 0, 0, 0, 5, 0});
  }

  void save(const std::string& name, const std::vector<double>& values) const {
    write_safetensors(path(name), {{"layers.0.w", at::tensor(values).view({2, 3}).to(at::kFloat)},
                                   {"fixed", at::full({2, 2}, 1.0f)}});
  }

  std::string path(const std::string& name) const {
    return (folder_ / (name + ".safetensors")).string();
  }

  ProgramResult analyze(const Words& kinds, const Words& more = {}) const {
    Words words{"analyze"};
    words.insert(words.end(), kinds.begin(), kinds.end());
    words.insert(words.end(), {"--quiet", "--base", path("base"), "--expert", "a=" + path("a"),
                               "--expert", "b=" + path("b")});
    words.insert(words.end(), more.begin(), more.end());
    return run_isomerge(words);
  }

  Json json(const Words& kinds, Words more = {}) const {
    more.push_back("--json");
    const ProgramResult result = analyze(kinds, more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return Json::parse(result.out);
  }

  void expect_slip(const Words& kinds, const Words& more, const Words& texts) const {
    const ProgramResult result = analyze(kinds, more);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_EQ(result.out, "");
    expect_mentions(result.err, texts);
  }

  TemporaryFolder folder_;
};

TEST_F(AnalyzeCommand, SarAtOneDirectionIsTheShareOfTheSecondRow) {
  const Json out = json({"sar"}, {"--rank", "1"});
  EXPECT_EQ(out["tasks"], Json({"a", "b"}));
  EXPECT_EQ(out["merged"], "sum");
  EXPECT_EQ(out["unchanged"], Json({"fixed"}));
  const Json& group = out["sar"][0]["groups"][0];
  EXPECT_EQ(out["sar"][0]["rank"]["k"], 1);
  EXPECT_EQ(out["sar"][0]["side"], "left");
  EXPECT_EQ(group["group"], "model");
  EXPECT_EQ(group["k"], 1.0);
  EXPECT_NEAR(group["values"][0], 0.8, 1e-6);
  EXPECT_NEAR(group["values"][1], 1.0, 1e-6);
}

TEST_F(AnalyzeCommand, TablesHaveTheSameNumbersAndSayWhatTheyAre) {
  const ProgramResult sar = analyze({"sar"}, {"--rank", "1", "--per", "layer", "--side", "both"});
  EXPECT_EQ(sar.exit_code, 0) << sar.err;
  EXPECT_EQ(sar.err, "");
  expect_mentions(sar.out, {"the sum of the updates; both; k = 1\n",
                            "layer     matrices    k       a       b\n",
                            "layers.0         1  1.0  0.8000  1.0000\n"});
  expect_mentions(
      analyze({"pairs"}, {"--rank", "1"}).out,
      {"left; k = 1; model: 1 matrices, mean k 1.0", "a  0.8000  0.8000\nb  1.0000  1.0000"});
  expect_mentions(analyze({"cosine"}).out, {"merged", "a       1.0000  0.8000"});
  expect_mentions(analyze({"truncation"}, {"--rank", "1"}).out,
                  {"relative error", "a  k = 1         1  1.0  0.6400          0.6000"});
  expect_mentions(
      analyze({"spectrum"}, {"--rank-rule", "code"}).out,
      {"k: code, epsilon 0.05", "layers.0.w  merged     0  2        9     6         3"});
}

TEST_F(AnalyzeCommand, SeveralAnalysesAndRanksShareOneReading) {
  const Json out = json({"sar", "pairs", "spectrum", "cosine", "truncation"},
                        {"--rank-rule", "paper", "--rank-rule", "code", "--off-by-one", "--epsilon",
                         "0.3", "--rank", "0.5", "--beta", "0", "--beta", "1", "--of", "merged"});
  // sigma 9 and 3 of norm 9.49: at epsilon 0.3 the paper needs both, the code one, less one.
  ASSERT_EQ(out["sar"].size(), 5u);
  EXPECT_EQ(out["sar"][0]["rank"],
            Json({{"rule", "paper"}, {"epsilon", 0.3}, {"off_by_one", false}, {"beta", 0.0}}));
  const std::vector<double> ks = {2, 2, 0, 0, 1};
  for (size_t i = 0; i < ks.size(); ++i) EXPECT_EQ(out["sar"][i]["groups"][0]["k"], ks[i]) << i;
  EXPECT_EQ(out["sar"][2]["groups"][0]["values"][0], 0.0);
  EXPECT_EQ(out["pairs"].size(), 5u);
  ASSERT_EQ(out["spectrum"].size(), 2u);
  EXPECT_NEAR(out["spectrum"][0]["values"][0], 9.0, 1e-6);
  EXPECT_NEAR(out["spectrum"][1]["values"][0], 6.0, 1e-6) << "beta 1: the mean";
  EXPECT_EQ(out["spectrum"][0]["ranks"][0]["k"], 2);
  EXPECT_EQ(out["truncation"].size(), 3u);
  EXPECT_NEAR(out["cosine"][0]["values"][0][1], 0.8, 1e-12);
}

TEST_F(AnalyzeCommand, AMergedFileAndGlobsAreTaken) {
  save("merged", {2, 0, 0, 0, 1, 0});
  const Json out = json({"sar"}, {"--rank", "1", "--merged", path("merged"), "--include", "lay*"});
  EXPECT_EQ(out["merged"], path("merged"));
  EXPECT_NEAR(out["sar"][0]["groups"][0]["values"][0], 0.6, 1e-6) << "the first row leads there";
  EXPECT_NEAR(out["sar"][0]["groups"][0]["values"][1], 0.0, 1e-6);
  EXPECT_EQ(out["unchanged"].size(), 0u);
}

TEST_F(AnalyzeCommand, TheOutputDoesNotDependOnThreadsPrecisionOrCache) {
  const Words what = {"sar", "pairs", "cosine", "truncation", "spectrum"};
  const std::string one = analyze(what, {"--threads", "1"}).out;
  EXPECT_GT(one.size(), 500u);
  EXPECT_EQ(analyze(what, {"--threads", "3"}).out, one);
  EXPECT_EQ(analyze(what, {"--precision", "fp64"}).out, one);
  const std::string cache = (folder_ / "cache").string();
  EXPECT_EQ(analyze(what, {"--cache", cache}).out, one);
  EXPECT_FALSE(std::filesystem::is_empty(cache));
  EXPECT_EQ(analyze(what, {"--cache", cache}).out, one);
}

TEST_F(AnalyzeCommand, SlipsAreNamedWithTheNearest) {
  expect_slip({"saar"}, {}, {"saar", "nearest: \"sar\""});
  expect_slip({"sar", "sar"}, {}, {"sar is given twice"});
  expect_slip({"sar"}, {"--rank-rule", "papr"}, {"--rank-rule", "nearest: \"paper\""});
  expect_slip({"sar"}, {"--side", "top"}, {"--side", "left, right, both"});
  expect_slip({"sar"}, {"--per", "block"}, {"--per", "layer"});
  expect_slip({"sar"}, {"--rank", "1e-1"}, {"--rank", "share of r"});
  expect_slip({"sar"}, {"--rank", "1.5"}, {"--rank", "from 0 to 1"});
  expect_slip({"sar"}, {"--beta", "2"}, {"--beta", "from 0 to 1"});
  expect_slip({"sar"}, {"--off-by-one"}, {"--off-by-one", "--rank-rule code"});
  expect_slip({"sar"}, {"--rank", "1", "--epsilon", "0.1"}, {"--epsilon", "--rank-rule"});
  expect_slip({"sar"}, {"--include", "nothing*"}, {"--include \"nothing*\""});
  expect_slip({"sar"}, {"--of", "a"}, {"--of is for spectrum, truncation"});
  expect_slip({"cosine"}, {"--side", "left"}, {"--side is for sar, pairs"});
  expect_slip({"spectrum"}, {"--of", "c"}, {"--of", "a, b, sum, merged"});
  expect_slip({"sar"}, {"--precision", "fp16"}, {"fp16"});
  expect_slip({"sar"}, {"--device", "tpu"}, {"--device", "tpu"});
}

TEST_F(AnalyzeCommand, ARankBetweenEqualValuesIsAWarning) {
  save("flat", {1, 0, 0, 0, 1, 0});
  const ProgramResult result = analyze({"sar"}, {"--rank", "1", "--merged", path("flat")});
  EXPECT_EQ(result.exit_code, 0);
  expect_mentions(result.err, {"warning", "in 1 of 1 matrices", "arbitrary"});
}

// tests/golden/interference.py has the same numbers in float64.
TEST_F(AnalyzeCommand, InterferenceOfTheMiniSuiteIsThatOfTheReference) {
  const std::filesystem::path source = ISOMERGE_SOURCE_DIR;
  const Json wanted = Json::parse(TemporaryFolder::read(source / "tests/golden/interference.json"));
  Words words{"analyze",
              "interference",
              (source / "experiments/suites/mini_vision.json").string(),
              "--quiet",
              "--json",
              "--weights",
              (source / "models/mini/vit/base.safetensors").string()};
  for (const auto& [task, distance] : wanted.items()) {
    words.insert(words.end(), {"--task", task});
  }
  const ProgramResult result = run_isomerge(words);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json found = Json::parse(result.out);
  double sum = 0.0;
  ASSERT_EQ(found["tasks"].size(), wanted.size());
  for (const Json& task : found["tasks"]) {
    const double distance = wanted.at(task["task"].get<std::string>());
    EXPECT_NEAR(task["distance"].get<double>(), distance, 1e-6 * distance) << task["task"];
    EXPECT_EQ(task["examples"], 1000);
    sum += distance;
  }
  EXPECT_NEAR(found["mean"].get<double>(), sum / static_cast<double>(wanted.size()), 1e-6);
}

TEST_F(AnalyzeCommand, InterferenceStandsAloneWithFlagsOfItsOwn) {
  expect_slip({"sar", "interference"}, {}, {"interference stands alone"});
  expect_slip({"interference"}, {}, {"interference stands alone"});
  expect_slip({"interference", "suite.json"}, {}, {"--base is not for interference"});
  expect_slip({"sar"}, {"--weights", path("a")}, {"--weights is for interference"});
  const ProgramResult result = run_isomerge({"analyze", "interference", "suite.json"});
  EXPECT_EQ(result.exit_code, 2);
  expect_mentions(result.err, {"--weights"});
}

}  // namespace
}  // namespace isomerge
