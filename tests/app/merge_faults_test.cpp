// Merges that are disturbed, bounded or repeated: the real program on files large enough to be
// caught at work.
#include <filesystem>

#include <ATen/ops/zeros.h>
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

class LargeMerge : public ::testing::Test {
 protected:
  // `count` matrices [size, size], different in the base and both experts.
  void write_models(int count, int64_t size) {
    uint64_t seed = 1;
    for (const char* name : {"base", "a", "b"}) {
      Weights weights;
      for (int i = 0; i < count; ++i) {
        weights["w" + std::to_string(i)] = random_tensor({size, size}, seed++).to(at::kFloat);
      }
      write_safetensors(path(name), weights);
    }
  }

  std::string path(const std::string& name) const {
    return (folder_ / (name + ".safetensors")).string();
  }

  std::vector<std::string> words(const std::string& method, std::vector<std::string> more) const {
    std::vector<std::string> all{"merge",    "--quiet",        "--method", method,
                                 "--base",   path("base"),     "--expert", "a=" + path("a"),
                                 "--expert", "b=" + path("b"), "--out",    path("merged")};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  // Does something to a merge that has begun to write its output and read little of its input.
  ProgramResult disturb(const std::string& deed) const {
    return disturb_isomerge(words("iso_c", {"--threads", "1"}), 2, deed);
  }

  bool has_partial_file() const {
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      if (entry.path().string().ends_with(".part")) return true;
    }
    return false;
  }

  TemporaryFolder folder_;
};

TEST_F(LargeMerge, AFileThatIsCutShortWhileItIsReadIsNamedAndNothingIsLeft) {
  write_models(16, 512);
  const ProgramResult result = disturb("truncate -s 9M " + path("b"));
  EXPECT_EQ(result.exit_code, 2) << result.err;
  expect_mentions(result.err, {"b.safetensors", "ends at byte", "did it change while it was read"});
  EXPECT_FALSE(fs::exists(path("merged")));
  EXPECT_FALSE(has_partial_file());
}

TEST_F(LargeMerge, AKillWhileWritingLeavesTheOldOutputAndTheNextMergeWorks) {
  write_models(16, 512);
  folder_.write("merged.safetensors", "old");
  EXPECT_EQ(disturb("kill -KILL $pid").exit_code, 128 + 9);
  EXPECT_EQ(TemporaryFolder::read(path("merged")), "old");
  EXPECT_EQ(run_isomerge(words("average", {})).exit_code, 0);
  EXPECT_EQ(Checkpoint(path("merged")).tensors().size(), 16u);
}

TEST_F(LargeMerge, MemoryThatRunsOutIsTheMachinesFaultAndNothingIsLeft) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer needs terabytes of addresses";
#endif
  write_models(1, 3000);
  // The least address space in which the program starts, and a little more than that.
  const ProgramResult result = run_shell(
      "for mib in $(seq 500 100 9000); do (ulimit -v $((mib * 1024)); \"$ISOMERGE\" methods) "
      ">/dev/null 2>&1 && break; done; ulimit -v $(((mib + 100) * 1024)); \"$ISOMERGE\" merge "
      "--quiet --method iso_c --base " +
      path("base") + " --expert a=" + path("a") + " --expert b=" + path("b") + " --out " +
      path("merged") + " --threads 1");
  EXPECT_EQ(result.exit_code, 3) << result.err;
  expect_mentions(result.err, {"memory"});
  EXPECT_FALSE(fs::exists(path("merged")));
  EXPECT_FALSE(has_partial_file());
}

// A frozen embedding of 90 MB in base and two experts, beside one small matrix: in memory at once
// it would be 270 MB and more.
TEST_F(LargeMerge, AnEmbeddingThatNobodyChangedIsNeverInMemoryAndThePeakStaysBelowThePlan) {
  const at::Tensor embedding = random_tensor({46000, 512}, 7).to(at::kFloat);
  uint64_t seed = 1;
  for (const char* name : {"base", "a", "b"}) {
    write_safetensors(path(name), {{"embedding", embedding},
                                   {"w", random_tensor({256, 256}, seed++).to(at::kFloat)}});
  }
  const ProgramResult small = run_isomerge(words("iso_c", {"--json", "--exclude", "embedding"}));
  const ProgramResult result = run_isomerge(words("iso_c", {"--json", "--max-memory", "900MiB"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto summary = nlohmann::json::parse(result.out);
  EXPECT_EQ(summary.at("merges")[0].at("zero_updates"), 1);
  const auto peak = summary.at("peak_memory").get<uint64_t>();
  EXPECT_LT(peak, nlohmann::json::parse(small.out).at("peak_memory").get<uint64_t>() + (80 << 20));
  EXPECT_LT(peak, uint64_t{900} << 20);
  const ProgramResult plan = run_isomerge(words("iso_c", {"--dry-run"}));
  expect_mentions(plan.out, {"embedding", "no expert changed it", "of memory"});
}

TEST_F(LargeMerge, ABoundOnMemoryThatCannotBeKeptIsRefusedBeforeAnythingIsWritten) {
  write_models(1, 1024);
  const ProgramResult result = run_isomerge(words("iso_c", {"--max-memory", "1MiB"}));
  EXPECT_EQ(result.exit_code, 2);
  expect_mentions(result.err, {"--max-memory", "w0", "needs"});
  EXPECT_FALSE(fs::exists(path("merged")));
}

TEST_F(LargeMerge, ACacheServesTheSecondMergeAndChangesNoByte) {
  write_models(3, 128);
  const std::vector<std::string> with_cache{"--json", "--cache", (folder_ / "cache").string(),
                                            "--option", "common_fraction=0.5"};
  const auto merge = [&] {
    const ProgramResult result = run_isomerge(words("iso_cts", with_cache));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return nlohmann::json::parse(result.out);
  };
  EXPECT_EQ(merge().at("factors_computed"), 3 * (2 + 2))
      << "the sum, its long side, two residuals each";
  const std::string cold = TemporaryFolder::read(path("merged"));
  const auto warm = merge();
  EXPECT_EQ(warm.at("factors_reused"), 12);
  EXPECT_EQ(warm.at("factors_computed"), 0);
  EXPECT_EQ(TemporaryFolder::read(path("merged")), cold);
}

TEST_F(LargeMerge, WithoutOpenBlasTheResultIsTheSame) {
  write_models(2, 160);
  ASSERT_EQ(run_isomerge(words("tsv_m", {"--update-only"})).exit_code, 0);
  const at::Tensor with = Checkpoint(path("merged")).read("w0");
  ASSERT_EQ(run_isomerge(words("tsv_m", {"--update-only"}), "ISOMERGE_OPENBLAS=0").exit_code, 0);
  EXPECT_LE(relative_error(Checkpoint(path("merged")).read("w0"), with), 1e-6);
}

}  // namespace
}  // namespace isomerge
