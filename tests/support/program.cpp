#include "support/program.h"

#include <cstdlib>

#include <stdlib.h>
#include <sys/wait.h>

#include "support/temporary_folder.h"

namespace isomerge {
namespace {

std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string command_of(const std::vector<std::string>& words, const std::string& prelude) {
  std::string command = prelude + " \"$ISOMERGE\"";
  for (const std::string& word : words) command += " " + quoted(word);
  return command;
}

}  // namespace

ProgramResult run_shell(const std::string& command) {
  const TemporaryFolder folder;
  ::setenv("ISOMERGE", ISOMERGE_BINARY, 1);
  // The redirections are outside the command's own limits (ulimit -f).
  const std::string whole = "( " + command + " ) </dev/null 2>" +
                            quoted((folder / "err").string()) + " | cat >" +
                            quoted((folder / "out").string()) + "; exit ${PIPESTATUS[0]}";
  const int status = std::system(("exec bash -c " + quoted(whole)).c_str());
  ProgramResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = TemporaryFolder::read(folder / "out");
  result.err = TemporaryFolder::read(folder / "err");
  return result;
}

ProgramResult run_isomerge(const std::vector<std::string>& words, const std::string& prelude) {
  return run_shell(command_of(words, prelude));
}

ProgramResult disturb_isomerge(const std::vector<std::string>& words, int at,
                               const std::string& deed) {
  const std::string faults = "LD_PRELOAD=" ISOMERGE_FAULTS " FAULT=stop FAULT_COUNT=1 FAULT_AT=";
  return run_shell(command_of(words, faults + std::to_string(at)) +
                   " & pid=$!; while read -r stat </proc/$pid/stat; do case \"$stat\" in "
                   "*\") T \"*|*\") Z \"*) break;; esac; sleep 0.01; done; " +
                   deed + "; kill -CONT $pid; wait $pid");
}

}  // namespace isomerge
