// support/program.h -- the real program, run as its own process.
#pragma once

#include <string>
#include <vector>

namespace isomerge {

struct ProgramResult {
  int exit_code = -1;  // 128 + signal if it was killed
  std::string out, err;
};

// Runs build/isomerge with these words. `prelude` is shell text before it, in the same process
// ("ulimit -f 8; exec"); environment assignments may stand there too.
ProgramResult run_isomerge(const std::vector<std::string>& words, const std::string& prelude = "");

// Runs it until it is about to write to a file for the `at`-th time, does `deed`, shell text in
// which $pid is the stopped process, and lets it go on. However busy the machine is, the deed comes
// in the middle.
ProgramResult disturb_isomerge(const std::vector<std::string>& words, int at,
                               const std::string& deed);

// The same as run_isomerge() with a whole shell command, in which $ISOMERGE is the program.
ProgramResult run_shell(const std::string& command);

}  // namespace isomerge
