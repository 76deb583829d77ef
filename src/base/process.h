// base/process.h -- which process this is, and whether another one still lives.
#pragma once

#include <cstdint>
#include <string>

namespace isomerge {

// Tells a process from every other one, later ones with the same number included.
struct ProcessIdentity {
  std::string host;
  std::string kernel;  // this boot of this kernel, and the namespace in which `pid` counts
  int64_t pid = 0;
  std::string started;  // in ticks since boot

  bool operator==(const ProcessIdentity&) const = default;
};

std::string host_name();

ProcessIdentity this_process();

enum class Life {
  kAlive,
  kDead,
  kUnknown,  // it runs, or ran, where this process cannot look
};
Life life_of(const ProcessIdentity& process);

}  // namespace isomerge
