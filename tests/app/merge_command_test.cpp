// What a tired user types and feeds: the real program, its messages and exit codes.
#include <algorithm>
#include <limits>

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/program.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

class MergeCommand : public ::testing::Test {
 protected:
  MergeCommand() {
    save("base", {});
    save("a", {{"proj", random_tensor({64, 32}, 1).to(at::kFloat)}});
    save("b", {{"proj", random_tensor({64, 32}, 2).to(at::kFloat)}});
  }

  // proj [64, 32] and bias [32], zero unless given.
  void save(const std::string& name, const Weights& changes, const std::string& without = "") {
    Weights weights{{"proj", at::zeros({64, 32})}, {"bias", at::zeros({32})}};
    for (const auto& [key, tensor] : changes) weights[key] = tensor;
    weights.erase(without);
    write_safetensors(path(name), weights);
  }

  std::string path(const std::string& name) const {
    return (folder_ / (name + ".safetensors")).string();
  }

  std::vector<std::string> words(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"merge",          "--method", "iso_c",          "--base",
                                 path("base"),     "--expert", "a=" + path("a"), "--expert",
                                 "b=" + path("b"), "--out",    path("merged")};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  void expect_failure(const ProgramResult& result, int exit_code,
                      const std::vector<std::string>& texts) const {
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_EQ(result.out, "");
    expect_mentions(result.err, texts);
    EXPECT_EQ(result.err.find("Exception raised from"), std::string::npos) << "no stack trace";
    EXPECT_FALSE(std::filesystem::exists(path("merged")));
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      EXPECT_FALSE(entry.path().filename().string().ends_with(".part")) << entry.path();
    }
  }

  TemporaryFolder folder_;
};

TEST_F(MergeCommand, WritesTheFileAndSaysWhatItDid) {
  const ProgramResult result = run_isomerge(words());
  EXPECT_EQ(result.exit_code, 0) << result.err;
  expect_mentions(result.out, {"merged.safetensors", "1 matrices by iso_c", "1 other tensors"});
  EXPECT_EQ(Checkpoint(path("merged")).tensors().size(), 2u);
  const ProgramResult json = run_isomerge(words({"--json", "--quiet"}));
  EXPECT_EQ(nlohmann::json::parse(json.out)["merges"][0]["matrices"], 1);
  EXPECT_EQ(json.err, "");
}

TEST_F(MergeCommand, AGridWritesOneFilePerValueAsSingleMergesDo) {
  const std::string out = (folder_ / "beta{beta}_alpha{alpha}.safetensors").string();
  const ProgramResult grid =
      run_isomerge({"merge", "--method", "iso_c", "--base", path("base"), "--expert",
                    "a=" + path("a"), "--expert", "b=" + path("b"), "--out", out, "--grid",
                    "beta=0.5,1", "--grid", "alpha=1:1.5:0.5", "--json"});
  ASSERT_EQ(grid.exit_code, 0) << grid.err;
  const auto merges = nlohmann::json::parse(grid.out)["merges"];
  ASSERT_EQ(merges.size(), 4u);
  EXPECT_EQ(merges[1]["merge"], "iso_c/beta=0.5/null=zero/alpha=1.5");
  EXPECT_EQ(merges[1]["out"], (folder_ / "beta0.5_alpha1.5.safetensors").string());
  for (const char* beta : {"0.5", "1"}) {
    for (const char* alpha : {"1", "1.5"}) {
      const ProgramResult one =
          run_isomerge(words({"--option", std::string("beta=") + beta, "--alpha", alpha}));
      ASSERT_EQ(one.exit_code, 0) << one.err;
      EXPECT_EQ(TemporaryFolder::read(
                    folder_ / ("beta" + std::string(beta) + "_alpha" + alpha + ".safetensors")),
                TemporaryFolder::read(path("merged")))
          << beta << " " << alpha;
    }
  }
}

TEST_F(MergeCommand, AGridWhoseValuesWouldMeetInOneFileIsRefused) {
  expect_failure(run_isomerge(words({"--grid", "beta=0.5,1"})), 2,
                 {"2 values of beta", "merged.safetensors", "{beta}"});
}

TEST_F(MergeCommand, ADryRunOfAGridShowsEveryMergeOnce) {
  std::vector<std::string> all = words({"--dry-run", "--grid", "common_fraction=0.5,0.8"});
  all[2] = "iso_cts";
  std::replace(all.begin(), all.end(), path("merged"),
               (folder_ / "{common_fraction}.safetensors").string());
  const ProgramResult result = run_isomerge(all);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  expect_mentions(result.out, {"common_fraction=0.5", "common_fraction=0.8", "16-24", "4-8"});
}

TEST_F(MergeCommand, TakesARecipeFileWithTheSameKeys) {
  folder_.write("recipe.json",
                "{\"method\": \"iso_c\", // a comment\n \"base\": \"base.safetensors\",\n"
                " \"experts\": {\"a\": \"a.safetensors\", \"b\": \"b.safetensors\"},\n"
                " \"out\": \"from_recipe.safetensors\"}");
  const ProgramResult flags = run_isomerge(words());
  const ProgramResult recipe = run_isomerge({"merge", (folder_ / "recipe.json").string()});
  EXPECT_EQ(recipe.exit_code, 0) << recipe.err;
  EXPECT_EQ(TemporaryFolder::read(path("from_recipe")), TemporaryFolder::read(path("merged")));
}

TEST_F(MergeCommand, DryRunListsEveryTensorAndWritesNothing) {
  const ProgramResult result = run_isomerge(words({"--dry-run"}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  expect_mentions(result.out, {"iso_c/null=zero/alpha=1.3", "proj", "[64, 32]", "matrix", "other"});
  EXPECT_FALSE(std::filesystem::exists(path("merged")));
}

TEST_F(MergeCommand, MissingExtraAndMisshapedTensorsAreOneReport) {
  save("a", {{"more", at::zeros({2})}}, "bias");
  save("b", {{"proj", at::zeros({32, 64})}});
  expect_failure(
      run_isomerge(words()), 2,
      {"merging iso_c", "a.safetensors differs from", "missing: bias [32]", "extra: more [2]",
       "b.safetensors differs from", "shape: proj: expected [64, 32], got [32, 64]"});
}

TEST_F(MergeCommand, NaNIsNamedWithTensorAndTask) {
  at::Tensor bad = random_tensor({64, 32}, 3).to(at::kFloat);
  bad[5][7] = std::numeric_limits<float>::quiet_NaN();
  save("b", {{"proj", bad}});
  expect_failure(run_isomerge(words()), 2, {"proj", "1 of 2,048 entries", "task \"b\"", "NaN"});
}

TEST_F(MergeCommand, TheSameFileTwiceIsRefused) {
  expect_failure(
      run_isomerge({"merge", "--method", "iso_c", "--base", path("base"), "--expert",
                    "a=" + path("a"), "--expert", "b=" + path("a"), "--out", path("merged")}),
      2, {"a.safetensors", "\"a\"", "\"b\""});
}

TEST_F(MergeCommand, ATruncatedExpertIsAnIncompleteDownload) {
  std::filesystem::resize_file(path("b"), std::filesystem::file_size(path("b")) - 100);
  expect_failure(run_isomerge(words()), 2, {"b.safetensors", "download is incomplete"});
}

TEST_F(MergeCommand, TypingMistakesAreNamedWithTheNearest) {
  expect_failure(run_isomerge(words({"--alfa", "1"})), 2, {"--alfa", "nearest: \"--alpha\""});
  expect_failure(run_isomerge(words({"--option", "nul=zero"})), 2, {"nul", "null"});
  expect_failure(run_isomerge(words({"--alpha", "much"})), 2, {"--alpha", "much"});
  expect_failure(run_isomerge(words({"--exclude", "prj"})), 2, {"--exclude", "prj"});
  expect_failure(run_isomerge(words({"--precision", "fp33"})), 2, {"fp33"});
  expect_failure(run_isomerge(words({"--threads", "0"})), 2, {"--threads"});
  expect_failure(run_isomerge(words({"--device", "tpu"})), 2, {"--device", "tpu"});
  expect_failure(run_isomerge({"merg"}), 2, {"merg", "nearest: \"merge\""});
  expect_failure(run_isomerge({"merge", "--method", "isoc", "--base", path("base"), "--expert",
                               "a=" + path("a"), "--out", path("merged")}),
                 2, {"isoc", "iso_c"});
}

TEST_F(MergeCommand, AFullDiskLeavesNothingAndExitsWithThree) {
  // The file-size limit stands for a full disk: 8 blocks of 1024 bytes, the result needs 8.3 KiB.
  expect_failure(run_isomerge(words({"--quiet"}), "ulimit -f 8;"), 3,
                 {"merged.safetensors", "nothing was left behind"});
}

TEST_F(MergeCommand, AnUnwritableFolderIsTheUsersFault) {
  const auto locked = folder_ / "locked";
  std::filesystem::create_directory(locked);
  std::filesystem::permissions(
      locked, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec |
                  std::filesystem::perms::others_read | std::filesystem::perms::others_exec);
  std::filesystem::permissions(
      folder_.path(), std::filesystem::perms::others_read | std::filesystem::perms::others_exec,
      std::filesystem::perm_options::add);
  auto all = words({"--quiet"});
  *(std::find(all.begin(), all.end(), "--out") + 1) = (locked / "merged.safetensors").string();
  // Root may write anywhere, so root runs it as nobody.
  const std::string as_nobody =
      ::geteuid() == 0 ? "setpriv --reuid=65534 --regid=65534 --clear-groups" : "";
  if (::geteuid() == 0 &&
      run_shell("setpriv --reuid=65534 --regid=65534 --clear-groups test -x \"$ISOMERGE\"")
              .exit_code != 0) {
    GTEST_SKIP() << "nobody cannot reach the program in this folder";
  }
  const ProgramResult result = run_isomerge(all, as_nobody);
  EXPECT_EQ(result.exit_code, 2) << result.err;
  expect_mentions(result.err, {"locked/merged.safetensors", "cannot write"});
  EXPECT_TRUE(std::filesystem::is_empty(locked));
}

TEST_F(MergeCommand, AnInterruptLeavesNothingAndExitsWith75) {
  const ProgramResult result =
      disturb_isomerge(words({"--quiet", "--threads", "1"}), 3, "kill -INT $pid");
  expect_failure(result, 75, {"interrupted"});
}

TEST_F(MergeCommand, AnIOErrorWhileReadingIsTheMachinesFault) {
  // A preloaded shim makes pread fail with EIO beyond the header.
  const auto source = folder_.write(
      "shim.c",
      "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <errno.h>\n"
      "#include <unistd.h>\n"
      "static ssize_t call(int f, void* b, size_t n, off_t o) {\n"
      "  if (n >= 4096) { errno = EIO; return -1; }\n"
      "  ssize_t (*real)(int, void*, size_t, off_t) = dlsym(RTLD_NEXT, \"pread\");\n"
      "  return real(f, b, n, o);\n}\n"
      "ssize_t pread(int f, void* b, size_t n, off_t o) { return call(f, b, n, o); }\n"
      "ssize_t pread64(int f, void* b, size_t n, off_t o) { return call(f, b, n, o); }\n");
  const std::string shim = (folder_ / "shim.so").string();
  ASSERT_EQ(run_shell("cc -shared -fPIC -o " + shim + " " + source.string() + " -ldl").exit_code,
            0);
  expect_failure(
      run_isomerge(words({"--quiet"}),
                   "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 LD_PRELOAD=" + shim),
      3, {"base.safetensors", "reading at byte", "Input/output error"});
}

TEST(Program, ExplainsItself) {
  const ProgramResult overview = run_isomerge({"--help"});
  EXPECT_EQ(overview.exit_code, 0);
  for (const char* command :
       {"merge", "methods", "inspect", "convert", "analyze", "evaluate", "run", "report"}) {
    expect_mentions(overview.out, {command});
    const ProgramResult help = run_isomerge({command, "--help"});
    EXPECT_EQ(help.exit_code, 0);
    expect_mentions(help.out, {"Usage:", "Example:", "--threads", "--device", "--quiet",
                               "--log-level", std::string("isomerge ") + command});
  }
  expect_mentions(run_isomerge({"--version"}).out, {"isomerge ", "LibTorch ", "OpenBLAS "});
  EXPECT_EQ(run_isomerge({}).exit_code, 2);
}

TEST(Program, ListsMethodsWithTheirOptions) {
  const ProgramResult one = run_isomerge({"methods", "iso_cts"});
  expect_mentions(one.out, {"Iso-CTS", "common_fraction=0.8", "2502.04959"});
  EXPECT_EQ(nlohmann::json::parse(run_isomerge({"methods", "--json"}).out).size(), 17u);
  EXPECT_EQ(run_isomerge({"methods", "nothing"}).exit_code, 2);
}

}  // namespace
}  // namespace isomerge
