#include "experiment/merge_groups.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "config/configuration.h"
#include "config/mask_rows.h"
#include "config/method_info.h"
#include "merge/merge_files.h"
#include "merge/method.h"

namespace isomerge {
namespace {

// Merged updates of a group: ten of ViT-B/16 in fp32, three of ViT-L/14. A constant, since groups
// decide on the last bits of what is merged.
constexpr uint64_t kHeldBytes = uint64_t{4} << 30;

// Whether the merge asks for factors of whole matrices and sees every tensor once.
bool shares_factors(const Row& row, const Options& options) {
  if (!require_method_info(row.method).merges || row.uses_statistics || needs_lambdas(row)) {
    return false;
  }
  const Rules rules = require_method(row.method).rules(options);
  return rules.matrix && rules.other->scans() == 0;
}

}  // namespace

uint64_t update_bytes(const Experiment& experiment) {
  uint64_t entries = 0;
  const Checkpoint base(experiment.suite.base);
  for (const TensorInfo& info : base.tensors()) entries += static_cast<uint64_t>(info.elements());
  return entries * c10::elementSize(compute_dtype(experiment.precision));
}

MergeGroups merge_groups(const Experiment& experiment) {
  return {experiment, update_bytes(experiment), kHeldBytes};
}

std::string SuiteMerge::key() const {
  return configuration_text({method, options, {}}) + "," + join(tasks, ",");
}

MergeGroups::MergeGroups(const Experiment& experiment, uint64_t update_bytes, uint64_t bound) {
  std::vector<SuiteMerge> merges;
  std::set<std::string> seen;
  for (const Row& row : experiment.rows) {
    for (size_t i = 0; i < row.candidates.size(); i += row.line_length) {
      const Candidate& candidate = row.candidates[i];
      if (!candidate.by_task.empty() || !shares_factors(row, candidate.options)) continue;
      SuiteMerge merge{row.method, candidate.options, row.task_set};
      if (seen.insert(merge.key()).second) merges.push_back(std::move(merge));
    }
  }
  const size_t most = std::max<uint64_t>(bound / std::max<uint64_t>(update_bytes, 1), 1);
  for (size_t first = 0; first < merges.size(); first += most) {
    const size_t count = std::min(most, merges.size() - first);
    if (count < 2) continue;
    for (size_t i = first; i < first + count; ++i) {
      group_by_key_[merges[i].key()] = groups_.size();
    }
    groups_.emplace_back(merges.begin() + static_cast<std::ptrdiff_t>(first),
                         merges.begin() + static_cast<std::ptrdiff_t>(first + count));
  }
}

std::vector<SuiteMerge> MergeGroups::group_of(const SuiteMerge& merge) const {
  const auto found = group_by_key_.find(merge.key());
  if (found == group_by_key_.end()) return {merge};
  return groups_[found->second];
}

}  // namespace isomerge
