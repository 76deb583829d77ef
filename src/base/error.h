// base/error.h -- Error: the one exception type of this project.
//
// Throw it where the bad thing is first seen; add context by catching and rethrowing during().
// Only main() prints. Message grammar: "doing: file: tensor: fact, expected A, got B. Hint."
#pragma once

#include <stdexcept>
#include <string>

namespace isomerge {

// Who can mend it. The value is the exit code of the program.
enum class Fault {
  kInput = 2,         // a file, tensor, flag or config the user can fix
  kMachine = 3,       // disk, I/O, memory
  kInternal = 70,     // our own bug; the message asks for a report
  kInterrupted = 75,  // stopped by a signal; what was finished is kept and a new start continues
};

class Error : public std::runtime_error {
 public:
  Error(Fault fault, const std::string& what) : std::runtime_error(what), fault_(fault) {}

  Fault fault() const noexcept { return fault_; }
  int exit_code() const noexcept { return static_cast<int>(fault_); }

  // Returns a copy whose message starts with `context` + ": ".
  Error during(const std::string& context) const { return {fault_, context + ": " + what()}; }

 private:
  Fault fault_;
};

// Short forms of the two that are thrown everywhere.
inline Error input_error(const std::string& what) { return {Fault::kInput, what}; }
inline Error machine_error(const std::string& what) { return {Fault::kMachine, what}; }

}  // namespace isomerge
