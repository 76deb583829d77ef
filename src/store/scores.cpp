#include "store/scores.h"

namespace isomerge {

std::optional<Accuracy> find_accuracy(const FoundRecord& record) {
  if (!record || record->status == RunStatus::kFailed) return {};
  return Accuracy{record->correct, record->total};
}

std::optional<Accuracy> reference_accuracy(const FoundRecord& fine_tuned,
                                           const std::optional<double>& given) {
  const std::optional<Accuracy> own = find_accuracy(fine_tuned);
  if (!own || !given) return own;
  return Accuracy{*given * static_cast<double>(own->total), own->total};
}

CandidateScore candidate_score(const std::vector<FoundRecord>& merged,
                               const std::vector<FoundRecord>& fine_tuned,
                               const std::vector<std::optional<double>>& given,
                               const std::vector<bool>& counted) {
  bool missing = false;
  std::vector<Accuracy> got, references;
  for (const std::vector<FoundRecord>* records : {&merged, &fine_tuned}) {
    for (const FoundRecord& record : *records) {
      if (record && record->status == RunStatus::kFailed) return CandidateScore::failed();
      if (!record) missing = true;
    }
  }
  if (missing) return {};
  for (size_t t = 0; t < merged.size(); ++t) {
    if (!counted[t]) continue;
    got.push_back(find_accuracy(merged[t]).value());
    references.push_back(reference_accuracy(fine_tuned[t], given[t]).value());
  }
  const std::optional<double> score = mean_normalised_accuracy(got, references);
  return score ? CandidateScore::known(*score) : CandidateScore::failed();
}

}  // namespace isomerge
