// merge/merged_adapter.h -- a merge written as a PEFT adapter of the base.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/recipe.h"
#include "factor/extracted_adapter.h"
#include "merge/merged_output.h"

namespace isomerge {

// alpha * merged update of every matrix as factors of rank recipe.adapter_rank at most: exact where
// the update has no larger rank, else the best of that rank. What the rules computed from adapters
// never becomes dense for it.
class MergedAdapter : public MergedOutput {
 public:
  // `recipe` has to outlive this object.
  MergedAdapter(const Recipe& recipe, const Updates& updates);

  void write(const MergedPiece& part) override;
  void set_hashes(const std::vector<std::string>& tasks, const MergeSummary& summary) override;

  // Throws Error(kInput) naming all tensors that the merge changes and that an adapter cannot hold;
  // see also write_adapter().
  void commit() override;

  // Of all matrices; complete after the last write().
  const ExtractionSummary& summary() const { return summary_; }

 private:
  void take_matrix(const std::string& name, const at::Tensor& update, const LowRank& factors);

  const Recipe& recipe_;
  const double alpha_;
  AdapterOptions options_;
  at::Tensor whole_;  // of the matrix whose rows are arriving
  ExtractionSummary summary_;
  std::vector<LowRankWeight> weights_;
  std::vector<std::string> others_;  // changed, but no matrix of a module
};

}  // namespace isomerge
