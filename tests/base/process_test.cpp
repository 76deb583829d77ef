#include "base/process.h"

#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isomerge {
namespace {

// What this_process() is in a child, which then waits for its end.
struct Child {
  Child() {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    pid = ::fork();
    if (pid == 0) {
      const std::string started = this_process().started;
      if (::write(ends[1], started.data(), started.size()) < 0) ::_exit(1);
      ::pause();
    }
    char text[64] = {};
    EXPECT_GT(::read(ends[0], text, sizeof text - 1), 0);
    identity = this_process();
    identity.pid = pid;
    identity.started = text;
    ::close(ends[0]);
    ::close(ends[1]);
  }
  pid_t pid;
  ProcessIdentity identity;
};

TEST(Process, LivesUntilItIsKilledEvenIfNobodyAskedHowItEnded) {
  const Child child;
  EXPECT_EQ(life_of(child.identity), Life::kAlive);
  ::kill(child.pid, SIGKILL);
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WNOWAIT);  // it stays a zombie
  EXPECT_EQ(life_of(child.identity), Life::kDead);
  ::waitpid(child.pid, nullptr, 0);
  EXPECT_EQ(life_of(child.identity), Life::kDead);
}

TEST(Process, AnotherOneUnderTheSameNumberIsNotTheSame) {
  ProcessIdentity process = this_process();
  EXPECT_EQ(life_of(process), Life::kAlive);
  EXPECT_EQ(process, this_process());
  process.started += "0";
  EXPECT_EQ(life_of(process), Life::kDead);
}

TEST(Process, UnderAnotherKernelNothingIsKnownOfIt) {
  ProcessIdentity process = this_process();
  process.kernel = "another";
  EXPECT_EQ(life_of(process), Life::kUnknown);
  process.kernel.clear();
  EXPECT_EQ(life_of(process), Life::kUnknown) << "it could not say where it ran";
}

}  // namespace
}  // namespace isomerge
