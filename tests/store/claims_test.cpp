#include "store/claims.h"

#include <atomic>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Outcome = Claims::Outcome;

class ClaimsTest : public ::testing::Test {
 protected:
  // A claim as another process would have left it.
  void leave(const std::string& name, const ProcessIdentity& holder, int64_t missing,
             int64_t deaths = 0) {
    const nlohmann::ordered_json json = {{"label", "work of another"},
                                         {"host", holder.host},
                                         {"kernel", holder.kernel},
                                         {"pid", holder.pid},
                                         {"started", holder.started},
                                         {"missing", missing},
                                         {"deaths", deaths}};
    fs::create_directories(claims_);
    std::ofstream(claims_ / name) << json.dump(2);
  }

  static ProcessIdentity dead_process() {
    ProcessIdentity process = this_process();
    process.started = "1";  // long before this one, under the same number
    return process;
  }

  static ProcessIdentity process_elsewhere() { return {"elsewhere", "another kernel", 17, "5"}; }

  size_t files() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(claims_), fs::directory_iterator()));
  }

  TemporaryFolder folder_;
  fs::path claims_ = folder_ / "claims";
};

TEST_F(ClaimsTest, WhatOneHoldsNobodyElseGetsUntilItIsReleased) {
  Claims mine(claims_), other(claims_);
  EXPECT_EQ(mine.take("unit", "work", 3), Outcome::kMine);
  EXPECT_EQ(mine.take("unit", "work", 3), Outcome::kMine) << "still mine";
  EXPECT_EQ(other.take("unit", "work", 3), Outcome::kTaken);
  EXPECT_EQ(other.take("unit2", "more", 3), Outcome::kMine) << "another unit";
  mine.release("unit", /*is_done=*/true);
  EXPECT_EQ(other.take("unit", "work", 3), Outcome::kMine);
}

TEST_F(ClaimsTest, AtTheEndNothingIsLeftInTheFolder) {
  leave("unit.1", dead_process(), 3);
  {
    Claims mine(claims_);
    EXPECT_EQ(mine.take("unit", "work", 2), Outcome::kMine);
    EXPECT_EQ(mine.take("undone", "work", 2), Outcome::kMine);
    mine.release("unit", /*is_done=*/true);
    EXPECT_EQ(files(), 1u);
  }
  EXPECT_EQ(files(), 0u) << "whoever ends in order gives back what he holds";
}

TEST_F(ClaimsTest, ADeadHoldersWorkIsTakenOverAtOnce) {
  leave("unit.1", dead_process(), 3);
  Claims mine(claims_);
  EXPECT_EQ(mine.take("unit", "work", 3), Outcome::kMine);
  Claims other(claims_);
  EXPECT_EQ(other.take("unit", "work", 3), Outcome::kTaken) << "the last claim counts";
}

TEST_F(ClaimsTest, AfterTwoDeathsWithoutARecordNobodyElseIsSent) {
  leave("unit.1", dead_process(), 3);
  leave("unit.2", dead_process(), 3, 1);
  Claims mine(claims_);
  EXPECT_EQ(mine.take("unit", "work", 3), Outcome::kDiedTwice);
  mine.release("unit", /*is_done=*/true);
  EXPECT_EQ(mine.take("unit", "work", 3), Outcome::kMine) << "another start tries again";
}

TEST_F(ClaimsTest, ARecordBetweenTwoDeathsMakesTheCountBeginAnew) {
  leave("unit.1", dead_process(), 3);
  leave("unit.2", dead_process(), 3, 1);
  Claims mine(claims_);
  EXPECT_EQ(mine.take("unit", "work", 2), Outcome::kMine);
}

TEST_F(ClaimsTest, WorkGivenBackUndoneRemembersWhoDiedOfItBefore) {
  leave("unit.1", dead_process(), 3);
  leave("unit.2", dead_process(), 3, 1);
  {
    Claims interrupted(claims_);
    EXPECT_EQ(interrupted.take("unit", "work", 3), Outcome::kDiedTwice);
  }
  Claims mine(claims_);
  EXPECT_EQ(mine.take("unit", "work", 3), Outcome::kDiedTwice);
}

TEST_F(ClaimsTest, AHolderElsewhereCountsAsDeadOnceItsFileStoodStillForTheExpiry) {
  leave("unit.1", process_elsewhere(), 3);
  Claims mine(claims_, milliseconds(1000));
  EXPECT_EQ(mine.take("unit", "work", 3), Outcome::kPerhapsDead);
  EXPECT_EQ(mine.take("unit", "work", 3), Outcome::kPerhapsDead);
  std::this_thread::sleep_for(milliseconds(1050));
  EXPECT_EQ(mine.take("unit", "work", 3), Outcome::kMine);
}

// Clocks of other machines, or of this one, may be anything: only that the file changes counts.
TEST_F(ClaimsTest, AHolderElsewhereThatTouchesItsFileLivesWhateverTheClockSays) {
  leave("unit.1", process_elsewhere(), 3);
  Claims mine(claims_, milliseconds(300));
  EXPECT_EQ(mine.take("unit", "work", 3), Outcome::kPerhapsDead);
  auto clock = fs::file_time_type::clock::now() + std::chrono::hours(24 * 365);
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(milliseconds(350));   // longer than the expiry, but it was touched
    clock -= std::chrono::hours(24 * 100 * (i + 1));  // back, and further back
    fs::last_write_time(claims_ / "unit.1", clock);
    EXPECT_EQ(mine.take("unit", "work", 3), Outcome::kTaken) << i;
  }
}

TEST_F(ClaimsTest, AHolderTouchesItsFileLongBeforeItExpires) {
  Claims mine(claims_, milliseconds(600));
  ASSERT_EQ(mine.take("unit", "work", 3), Outcome::kMine);
  const auto first = fs::last_write_time(claims_ / "unit.1");
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::steady_clock::now() - start; };
  while (fs::last_write_time(claims_ / "unit.1") == first && elapsed() < milliseconds(600)) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_NE(fs::last_write_time(claims_ / "unit.1"), first);
}

TEST_F(ClaimsTest, OfManyThatTakeOverFromTheDeadOnlyOneSucceeds) {
  constexpr int kUnits = 40;
  for (int u = 0; u < kUnits; u += 2) leave(std::to_string(u) + ".1", dead_process(), 1);
  std::vector<std::atomic<int>> winners(kUnits);
  std::vector<std::unique_ptr<Claims>> all;
  for (int i = 0; i < 6; ++i) all.push_back(std::make_unique<Claims>(claims_));
  {
    std::vector<std::jthread> threads;
    for (const auto& claims : all) {
      threads.emplace_back([&] {
        for (int u = 0; u < kUnits; ++u) {
          if (claims->take(std::to_string(u), "work", 1) == Outcome::kMine) ++winners[u];
        }
      });
    }
  }
  for (int u = 0; u < kUnits; ++u) EXPECT_EQ(winners[u], 1) << u;
}

TEST_F(ClaimsTest, AHalfWrittenClaimIsSomebodys) {
  fs::create_directories(claims_);
  std::ofstream(claims_ / "unit.1") << "{\"label\": \"wo";
  Claims mine(claims_);
  EXPECT_EQ(mine.take("unit", "work", 3), Outcome::kPerhapsDead);
  EXPECT_TRUE(standing_claims(claims_).empty());
}

TEST_F(ClaimsTest, StandingClaimsAreThoseOfTheLivingAndOfThoseElsewhere) {
  EXPECT_TRUE(standing_claims(claims_).empty()) << "no folder";
  leave("a.1", dead_process(), 3);
  leave("b.1", dead_process(), 3);
  leave("b.2", process_elsewhere(), 2);
  Claims mine(claims_);
  ASSERT_EQ(mine.take("c", "own work", 5), Outcome::kMine);
  const std::vector<Claim> claims = standing_claims(claims_);
  ASSERT_EQ(claims.size(), 2u);
  EXPECT_EQ(claims[0].label, "own work");
  EXPECT_EQ(claims[0].missing, 5);
  EXPECT_EQ(claims[0].holder, this_process());
  EXPECT_EQ(claims[1].holder.host, "elsewhere");
  EXPECT_EQ(claims[1].missing, 2) << "the last of b";
}

TEST_F(ClaimsTest, AFolderThatCannotBeMadeIsNamed) {
  folder_.write("claims", "a file");
  Claims mine(claims_);
  expect_mentions(error_message([&] { mine.take("unit", "work", 3); }), {"claims"});
}

}  // namespace
}  // namespace isomerge
