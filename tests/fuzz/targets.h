// fuzz/targets.h -- the readers of other people's files, each as a function of bytes.
#pragma once

#include <string>
#include <vector>

namespace isomerge {

struct FuzzTarget {
  std::string name;
  std::vector<std::string> seeds;  // small valid files
  // Reads and drops the result; what it reads must be consistent, or std::logic_error is thrown.
  // May throw Error(kInput); everything else is a finding.
  void (*read)(const std::string& bytes);
};

std::vector<FuzzTarget> fuzz_targets();

// Targets that misbehave in each way that the driver must notice.
std::vector<FuzzTarget> broken_targets();

}  // namespace isomerge
