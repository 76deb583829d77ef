#include "store/scores.h"

namespace isomerge {

std::optional<Accuracy> find_accuracy(const FoundRecord& record) {
  if (!record || record->status == RunStatus::kFailed) return {};
  return Accuracy{record->correct, record->total};
}

CandidateScore candidate_score(const std::vector<FoundRecord>& merged,
                               const std::vector<FoundRecord>& fine_tuned,
                               const std::vector<bool>& counted) {
  bool missing = false;
  std::vector<Accuracy> got, reference;
  for (const auto& [records, accuracies] :
       {std::pair{&merged, &got}, std::pair{&fine_tuned, &reference}}) {
    for (size_t t = 0; t < records->size(); ++t) {
      const FoundRecord& record = (*records)[t];
      if (record && record->status == RunStatus::kFailed) return CandidateScore::failed();
      if (!record) missing = true;
      if (record && counted[t]) accuracies->push_back(find_accuracy(record).value());
    }
  }
  if (missing) return {};
  const std::optional<double> score = mean_normalised_accuracy(got, reference);
  return score ? CandidateScore::known(*score) : CandidateScore::failed();
}

}  // namespace isomerge
