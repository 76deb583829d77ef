#include "base/interrupt.h"

#include <atomic>
#include <csignal>

#include "base/error.h"

namespace isomerge {
namespace {

std::atomic<bool> flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set inside a signal handler");

extern "C" void raise_flag(int signal) {
  flag = true;
  std::signal(signal, SIG_DFL);  // a second Ctrl-C does not wait
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, raise_flag);
  std::signal(SIGTERM, raise_flag);
}

bool interrupted() noexcept { return flag; }

void throw_if_interrupted() {
  if (flag) {
    throw Error(
        Fault::kInterrupted,
        "interrupted; what was finished is kept, and the same command continues from there");
  }
}

}  // namespace isomerge
