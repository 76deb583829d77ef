// merge/merged_output.h -- where the merged pieces of one recipe go.
#pragma once

#include <string>
#include <vector>

#include "merge/executor.h"

namespace isomerge {

// Nothing appears before commit().
class MergedOutput {
 public:
  virtual ~MergedOutput() = default;
  virtual void write(const MergedPiece& part) = 0;

  // Of everything that was read; into the metadata.
  virtual void set_hashes(const std::vector<std::string>& tasks, const MergeSummary& summary) = 0;

  virtual void commit() = 0;
};

}  // namespace isomerge
