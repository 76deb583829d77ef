// The driver: inputs of every target until a count or a time is reached, each target in a process
// of its own. What goes wrong is printed with the words that make it happen again.
//
//   fuzz [--count N | --seconds S] [--seed S] [--target NAME [--number N]] [--self-check]
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <exception>
#include <map>
#include <new>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "fuzz/limits.h"
#include "fuzz/mutate.h"
#include "fuzz/targets.h"

namespace isomerge {
namespace {

struct Job {
  uint64_t seed = 1, first = 0, count = 2000;
  double seconds = 0.0;  // instead of a count
};

// What the child leaves behind however it ends.
struct Trace {
  uint64_t number = 0;
  char finding[400] = "";
};
Trace* trace = nullptr;

void note(const char* what) { std::snprintf(trace->finding, sizeof trace->finding, "%s", what); }

void run_one(const FuzzTarget& target, const std::string& bytes) {
  start_limits(note);
  std::string finding;
  try {
    target.read(bytes);
  } catch (const Error& error) {
    if (error.fault() != Fault::kInput)
      finding = fmt::format("not Error(kInput): {}", error.what());
  } catch (const std::exception& error) {
    finding = fmt::format("not an Error: {}", error.what());
  }
  const double seconds = stop_limits();
  if (seconds > kMaxSeconds) finding = fmt::format("takes {:.1f} s", seconds);
  if (finding.empty()) return;
  note(finding.c_str());
  ::_exit(1);
}

[[noreturn]] void run_child(const FuzzTarget& target, const Job& job) {
  const double end = static_cast<double>(std::time(nullptr)) + job.seconds;
  for (uint64_t i = 0;; ++i) {
    const bool is_done =
        job.seconds > 0.0 ? static_cast<double>(std::time(nullptr)) >= end : i >= job.count;
    if (is_done) ::_exit(0);
    trace->number = job.first + i;
    run_one(target, mutate(target.seeds, job.seed, trace->number));
  }
}

// True if nothing was found.
bool explore(const FuzzTarget& target, const Job& job) {
  *trace = {};
  const pid_t child = ::fork();
  if (child == 0) run_child(target, job);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    fmt::print("fuzz: {}: {} inputs of seed {}\n", target.name, trace->number - job.first + 1,
               job.seed);
    return true;
  }
  std::string finding = trace->finding;
  if (WIFSIGNALED(status)) finding = fmt::format("ended by signal {}", WTERMSIG(status));
  if (finding.empty()) finding = "ended by the sanitizer, see above";
  fmt::print("fuzz: {}: input {} of seed {}: {}\n  again: fuzz --target {} --seed {} --number {}\n",
             target.name, trace->number, job.seed, finding, target.name, job.seed, trace->number);
  return false;
}

// The driver sees each way to misbehave, and every seed is a file that its target reads: damage to
// what is refused anyway would explore little.
bool check_itself() {
  bool good = true;
  for (const FuzzTarget& target : fuzz_targets()) {
    for (const std::string& seed : target.seeds) {
      try {
        target.read(seed);
      } catch (const std::exception& error) {
        fmt::print("fuzz: {}: a seed is refused: {}\n", target.name, error.what());
        good = false;
      }
    }
  }
  for (const FuzzTarget& target : broken_targets()) {
    if (!explore(target, {1, 7, 1})) continue;
    fmt::print("fuzz: does not notice that {}\n", target.name);
    good = false;
  }
  return good;
}

int run(std::map<std::string, std::string> flags) {
  const auto number = [&](const char* flag, uint64_t fallback) {
    return flags.contains(flag) ? std::stoull(flags[flag]) : fallback;
  };
  Job job{number("--seed", 1), number("--number", 0), number("--count", 2000),
          static_cast<double>(number("--seconds", 0))};
  if (flags.contains("--number")) job.count = 1;
  if (flags.contains("--self-check") && !check_itself()) return 1;
  bool good = true, known = false;
  for (const FuzzTarget& target : fuzz_targets()) {
    if (flags.contains("--target") && flags["--target"] != target.name) continue;
    known = true;
    good = explore(target, job) && good;
  }
  if (!known) fmt::print("fuzz: no target {}\n", flags["--target"]);
  return good && known ? 0 : 1;
}

}  // namespace
}  // namespace isomerge

int main(int argc, char** argv) {
  isomerge::trace = new (::mmap(nullptr, sizeof(isomerge::Trace), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0)) isomerge::Trace;
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  std::map<std::string, std::string> flags;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    flags[flag] = flag == "--self-check" || i + 1 == argc ? "" : argv[++i];
  }
  return isomerge::run(flags);
}
