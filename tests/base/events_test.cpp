// Errors, messages, progress and interrupts: what passes from the library to whoever runs it.
#include <csignal>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/progress.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

TEST(Error, CarriesItsExitCodeAndGathersContext) {
  const Error error = input_error("no such tensor").during("file.pt").during("merging");
  EXPECT_STREQ(error.what(), "merging: file.pt: no such tensor");
  EXPECT_EQ(error.exit_code(), 2);
  EXPECT_EQ(error.fault(), Fault::kInput);
  EXPECT_EQ(machine_error("x").during("y").exit_code(), 3);
  EXPECT_EQ(Error(Fault::kInternal, "x").exit_code(), 70);
  EXPECT_EQ(Error(Fault::kInterrupted, "x").exit_code(), 75);
}

TEST(Log, GoesToTheListenerAndNowhereWithoutOne) {
  std::vector<std::pair<LogLevel, std::string>> heard;
  LogSink old = set_log_sink(
      [&](LogLevel level, const std::string& message) { heard.emplace_back(level, message); });
  log_warning("careful");
  log_info("by the way");
  log_debug("detail");
  log(LogLevel::kError, "bad");
  set_log_sink(old);
  log_warning("nobody hears this");
  using Heard = std::vector<std::pair<LogLevel, std::string>>;
  EXPECT_EQ(heard, (Heard{{LogLevel::kWarning, "careful"},
                          {LogLevel::kInfo, "by the way"},
                          {LogLevel::kDebug, "detail"},
                          {LogLevel::kError, "bad"}}));
}

TEST(Log, CallsTheListenerFromOneThreadAtATime) {
  int count = 0;  // unguarded on purpose
  LogSink old = set_log_sink([&](LogLevel, const std::string&) { ++count; });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 1000; ++i) log_info("x");
    });
  }
  for (std::thread& thread : threads) thread.join();
  set_log_sink(old);
  EXPECT_EQ(count, 4000);
}

TEST(Progress, ReportsFractionDetailAndEnd) {
  std::vector<ProgressState> seen;
  ProgressSink old = set_progress_sink([&](const ProgressState& state) { seen.push_back(state); });
  {
    Progress progress("merging", 4);
    progress.add(1, "first");
    progress.add(2, "second");
    progress.add(5, "too much");
  }
  set_progress_sink(old);
  ASSERT_EQ(seen.size(), 5u);
  EXPECT_EQ(seen[0].fraction, 0.0);
  EXPECT_EQ(seen[1].title, "merging");
  EXPECT_EQ(seen[1].detail, "first");
  EXPECT_EQ(seen[1].fraction, 0.25);
  EXPECT_FALSE(seen[1].finished);
  EXPECT_EQ(seen[2].fraction, 0.75);
  EXPECT_EQ(seen[3].fraction, 1.0) << "never more than all";
  EXPECT_TRUE(seen[4].finished);
  EXPECT_GE(seen[4].seconds, seen[0].seconds);
}

// Half of it was there before: the time left follows from what is new.
TEST(Progress, TellsTheTimeLeftFromWhatWasDoneSinceItBegan) {
  std::vector<ProgressState> seen;
  ProgressSink old = set_progress_sink([&](const ProgressState& state) { seen.push_back(state); });
  {
    Progress progress("running", 100, 50);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    progress.reach(60, "others did ten");
    progress.reach(55, "an older count");
  }
  set_progress_sink(old);
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[0].fraction, 0.5);
  EXPECT_EQ(seen[0].left, 0.0) << "nothing is known yet";
  EXPECT_EQ(seen[1].fraction, 0.6);
  EXPECT_NEAR(seen[1].left / seen[1].seconds, 4.0, 1e-9) << "40 more at the speed of 10";
  EXPECT_EQ(seen[2].fraction, 0.6) << "never back";
}

TEST(Progress, OfNoWorkDoesNotDivideByZero) {
  std::vector<ProgressState> seen;
  ProgressSink old = set_progress_sink([&](const ProgressState& state) { seen.push_back(state); });
  { Progress("nothing", 0); }
  set_progress_sink(old);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[1].fraction, 0.0);
}

// In a child: the flag stays up for the rest of a process.
TEST(Interrupt, RaisesAFlagFirstAndEndsTheProcessSecond) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const pid_t child = ::fork();
    if (child == 0) {
      catch_interrupts();
      if (interrupted()) ::_exit(1);
      throw_if_interrupted();
      ::raise(signal);
      if (!interrupted()) ::_exit(2);
      try {
        throw_if_interrupted();
        ::_exit(3);
      } catch (const Error& error) {
        if (error.exit_code() != 75) ::_exit(4);
      }
      ::raise(signal);
      ::_exit(5);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
    EXPECT_EQ(WTERMSIG(status), signal);
  }
}

}  // namespace
}  // namespace isomerge
