#include "merge/merge_summary.h"

namespace isomerge {
namespace {

int64_t& count_of(MergeSummary& summary, Role role) {
  switch (role) {
    case Role::kMatrix:
      return summary.matrices;
    case Role::kExcluded:
      return summary.excluded;
    case Role::kCopied:
      return summary.copied;
    case Role::kOther:
      break;
  }
  return summary.others;
}

}  // namespace

void SummaryBuilder::add(const MergedPart& part, const std::vector<std::string>& hashes) {
  const auto& [piece, has_update, findings, shared_factors] = part;
  if (piece.is_first()) {
    ++count_of(summary_, piece.role);
    has_update_ = false;
  }
  has_update_ = has_update_ || has_update;
  const bool is_last = piece.first + piece.rows == row_count(piece.info);
  if (is_last && !has_update_ && piece.role != Role::kCopied) ++summary_.zero_updates;
  if (findings.cut > 0 || findings.fallbacks > 0 || findings.tied > 0 || findings.repeats > 0 ||
      findings.solver.was_used) {
    summary_.findings.emplace_back(piece.info.name, findings);
  }
  summary_.shared_factors += shared_factors;
  for (size_t i = 0; i < hashes.size(); ++i) hashes_[i].update(hashes[i]);
}

MergeSummary SummaryBuilder::finish() {
  summary_.base_hash = hashes_[0].digest();
  for (size_t a = 0; a < tasks_.size(); ++a) {
    summary_.expert_hashes.push_back(hashes_[a + 1].digest());
    for (size_t b = a + 1; b < tasks_.size(); ++b) {
      if (hashes_[a + 1].digest() == hashes_[b + 1].digest()) {
        summary_.equal_experts.emplace_back(tasks_[a], tasks_[b]);
      }
    }
  }
  return summary_;
}

}  // namespace isomerge
