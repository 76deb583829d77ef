#include "store/scores.h"

namespace isomerge {

std::optional<Accuracy> find_accuracy(const FoundRecord& record) {
  if (!record || record->status == RunStatus::kFailed) return {};
  return Accuracy{record->correct, record->total};
}

CandidateScore candidate_score(const std::vector<FoundRecord>& merged,
                               const std::vector<FoundRecord>& fine_tuned) {
  bool missing = false;
  std::vector<Accuracy> got, reference;
  for (const auto& [records, accuracies] :
       {std::pair{&merged, &got}, std::pair{&fine_tuned, &reference}}) {
    for (const FoundRecord& record : *records) {
      if (record && record->status == RunStatus::kFailed) return CandidateScore::failed();
      if (const auto accuracy = find_accuracy(record)) {
        accuracies->push_back(*accuracy);
      } else {
        missing = true;
      }
    }
  }
  if (missing) return {};
  const std::optional<double> score = mean_normalised_accuracy(got, reference);
  return score ? CandidateScore::known(*score) : CandidateScore::failed();
}

}  // namespace isomerge
