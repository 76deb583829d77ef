// merge/merge_summary.h -- what a merge did, for people and for the metadata of its output.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "merge/pieces.h"
#include "merge/rule.h"

namespace isomerge {

// What a person wants to know of a merge that is done.
struct MergeSummary {
  int64_t matrices = 0, others = 0, excluded = 0, copied = 0;
  int64_t zero_updates = 0;    // tensors that no task changed
  int64_t shared_factors = 0;  // that another merge of the same pass had computed or read
  // Matrices of which there is something to say.
  std::vector<std::pair<std::string, Findings>> findings;
  // Pairs of tasks whose experts hold the same values in every tensor.
  std::vector<std::pair<std::string, std::string>> equal_experts;
  // Hash of all values that were read, in file order: of the base, and of each expert.
  std::string base_hash;
  std::vector<std::string> expert_hashes;
};

// Builds a summary from the pieces, in file order.
class SummaryBuilder {
 public:
  explicit SummaryBuilder(const std::vector<std::string>& tasks)
      : tasks_(tasks), hashes_(tasks.size() + 1) {}

  struct MergedPart {
    const Piece& piece;
    bool has_update = false;
    const Findings& findings;
    int64_t shared_factors = 0;
  };

  // hashes: of the piece's stored bytes in the base and the experts; empty if it was not read.
  void add(const MergedPart& part, const std::vector<std::string>& hashes);

  MergeSummary finish();

 private:
  const std::vector<std::string>& tasks_;
  std::vector<Hasher> hashes_;
  bool has_update_ = false;  // of the tensor at hand
  MergeSummary summary_;
};

}  // namespace isomerge
