// isomerge inspect: one checkpoint, or the differences of two, by the real program.
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/folder_writer.h"
#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/program.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

class InspectCommand : public ::testing::Test {
 protected:
  InspectCommand() { save("base", base()); }

  static Weights base() {
    return {{"proj", at::full({6, 4}, 2.0f)},
            {"bias", at::zeros({4})},
            {"ids", at::zeros({3}, at::kLong)}};
  }

  std::string save(const std::string& name, const Weights& weights) const {
    write_safetensors(path(name), weights);
    return path(name);
  }

  std::string path(const std::string& name) const {
    return (folder_ / (name + ".safetensors")).string();
  }

  ProgramResult compare(const Weights& weights, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"inspect", save("other", weights), "--against", path("base")};
    words.insert(words.end(), more.begin(), more.end());
    return run_isomerge(words);
  }

  TemporaryFolder folder_;
};

TEST_F(InspectCommand, ListsTensorsAndHash) {
  const ProgramResult list = run_isomerge({"inspect", path("base")});
  EXPECT_EQ(list.exit_code, 0) << list.err;
  expect_mentions(list.out, {"proj", "[6, 4]", "fp32", "matrix", "3 tensors", "31 values",
                             "hash " + hash_file(path("base"))});
  const auto json = nlohmann::json::parse(run_isomerge({"inspect", path("base"), "--json"}).out);
  EXPECT_EQ(json["tensors"].size(), 3u);
  EXPECT_EQ(json["format"], "safetensors");
}

TEST_F(InspectCommand, AShardedCheckpointIsOneWithAHashOfAllItsFiles) {
  FolderWriter writer(folder_ / "m", {{"a", at::kFloat, {2}}, {"b", at::kFloat, {2}}}, {}, {8, {}});
  writer.write("a", at::zeros({2}));
  writer.write("b", at::zeros({2}));
  writer.commit();
  const auto hash = [&] {
    return nlohmann::json::parse(
        run_isomerge({"inspect", (folder_ / "m").string(), "--json"}).out)["hash"];
  };
  const auto before = hash();
  EXPECT_EQ(before, hash_text(hash_file(folder_ / "m/model-00001-of-00002.safetensors") + "\n" +
                              hash_file(folder_ / "m/model-00002-of-00002.safetensors")));
}

TEST_F(InspectCommand, EqualCheckpointsExitWithZero) {
  const ProgramResult result = compare(base());
  EXPECT_EQ(result.exit_code, 0) << result.out;
  expect_mentions(result.out, {"has the 3 tensors of", "value"});
}

TEST_F(InspectCommand, DifferencesOfLayoutDtypeAndValueAreListedAndExitWithOne) {
  Weights weights = base();
  weights.erase("bias");
  weights["more"] = at::zeros({2});
  weights["ids"] = at::zeros({3}, at::kInt);
  weights["proj"] = weights["proj"].clone();
  weights["proj"][0][0] = 3.0;
  const ProgramResult result = compare(weights);
  EXPECT_EQ(result.exit_code, 1) << result.err;
  // One entry of 24 is off by 1; the norm of 24 twos is sqrt(96).
  expect_mentions(result.out,
                  {"missing: bias [4]", "extra: more [2]", "dtype: ids: expected int64, got int32",
                   "values: proj: 1 of 24 entries, max |difference| 1, relative 0.102",
                   "3 other differences; of the tensors in both 1 are equal, 1 differ; worst: "
                   "proj, relative 0.102\n"});
  const auto json = nlohmann::json::parse(compare(weights, {"--json"}).out);
  EXPECT_EQ(json["differences"].size(), 3u);
  EXPECT_EQ(json["values"][0]["name"], "proj");
  EXPECT_EQ(json["values"][0]["max_difference"], 1.0);
  EXPECT_NEAR(json["values"][0]["relative"], 0.1020620726, 1e-9);
  EXPECT_EQ(json["equal"], 1);
  EXPECT_EQ(json["worst"], "proj");
}

TEST_F(InspectCommand, AFloatingDtypeAloneIsADifference) {
  Weights weights = base();
  weights["proj"] = weights["proj"].to(at::kHalf);
  const ProgramResult result = compare(weights);
  EXPECT_EQ(result.exit_code, 1);
  expect_mentions(result.out, {"dtype: proj: expected fp32, got fp16", "3 are equal, 0 differ\n"});
}

}  // namespace
}  // namespace isomerge
