// What the operating system refuses in the middle of an experiment: memory, reading, disk.
#include <gtest/gtest.h>

#include "base/text.h"
#include "experiment/two_tasks.h"
#include "support/expect_error.h"
#include "support/program.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;

class Faults : public TwoTasks {
 protected:
  Faults() { experiment(R"("average", {"method": "iso_c", "alpha": [0.5, 1.0]})"); }

  ProgramResult run(const std::string& results, const std::string& faults = "") const {
    const std::string preload =
        faults.empty() ? "" : "LD_PRELOAD=" + std::string(ISOMERGE_FAULTS) + " " + faults;
    return run_isomerge({"run", file_.string(), "--quiet", "--threads", "1", "--results",
                         (folder_ / results).string()},
                        preload);
  }

  // How many calls of that kind an undisturbed run makes; its results are in "whole".
  int64_t calls(const std::string& kind) const {
    fs::remove_all(folder_ / "whole");
    const ProgramResult whole =
        run("whole", "FAULT=" + kind + " FAULT_LOG=" + (folder_ / "calls").string());
    EXPECT_EQ(whole.exit_code, 0) << whole.err;
    const std::string count = TemporaryFolder::read(folder_ / "calls");
    return static_cast<int64_t>(parse_number(count.substr(0, count.find('\n'))).value());
  }

  // Fails `count` calls at that share of a run and looks that a new start mends everything.
  ProgramResult fail(const std::string& kind, int64_t all, double share, int count = 1) const {
    fs::remove_all(folder_ / "r");
    const auto at = static_cast<int64_t>(share * static_cast<double>(all)) + 1;
    const ProgramResult result = run("r", "FAULT=" + kind + " FAULT_AT=" + std::to_string(at) +
                                              " FAULT_COUNT=" + std::to_string(count));
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "r")) {
      EXPECT_NE(entry.path().extension(), ".part") << entry.path();
    }
    EXPECT_EQ(run("r").exit_code, 0);
    EXPECT_EQ(records("r"), records("whole")) << kind << " " << at;
    return result;
  }
};

TEST_F(Faults, ARunWithoutMemoryIsStoredAsFailedAndTheRestGoesOn) {
  const int64_t all = calls("alloc");
  ASSERT_GT(all, 100);
  int failed_runs = 0;
  for (const double share : {0.3, 0.6, 0.9}) {
    const ProgramResult result = fail("alloc", all, share, 2);
    EXPECT_TRUE(result.exit_code == 1 || result.exit_code == 0) << result.exit_code << result.err;
    if (result.exit_code == 0) continue;  // a pass of several merges failed, each alone did not
    ++failed_runs;
    expect_mentions(result.err, {"memory"});
    expect_mentions(result.out, {" failed; they are in "});
  }
  EXPECT_GT(failed_runs, 0);
}

TEST_F(Faults, AReadErrorInTheMiddleOfACheckpointFailsThatRunAndNamesTheFile) {
  const int64_t all = calls("read");
  ASSERT_GT(all, 100);
  int failed_runs = 0;
  for (const double share : {0.5, 0.7, 0.9}) {
    const ProgramResult result = fail("read", all, share, 2);
    EXPECT_TRUE(result.exit_code == 1 || result.exit_code == 0) << result.exit_code << result.err;
    if (result.exit_code == 0) continue;
    ++failed_runs;
    expect_mentions(result.err, {".safetensors", "Input/output error"});
  }
  EXPECT_GT(failed_runs, 0);
}

TEST_F(Faults, AFullDiskEndsTheRunWithOneMessageAndLosesNothingThatWasFinished) {
  const int64_t all = calls("write");
  ASSERT_GT(all, 20);
  for (const double share : {0.0, 0.2, 0.7}) {
    const ProgramResult result = fail("write", all, share, 1000000);
    EXPECT_EQ(result.exit_code, 3) << result.err;
    expect_mentions(result.err, {"No space left on device"});
  }
}

}  // namespace
}  // namespace isomerge
