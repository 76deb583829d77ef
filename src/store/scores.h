// store/scores.h -- from records to what the search over candidates needs.
#pragma once

#include <optional>
#include <vector>

#include "metric/accuracy.h"
#include "metric/selection.h"
#include "store/record.h"

namespace isomerge {

using FoundRecord = std::optional<Record>;  // nothing: not run yet

// Correct and total of a finished record; nothing if it is missing or failed.
std::optional<Accuracy> find_accuracy(const FoundRecord& record);

// What accuracies of a task are divided by: that of its single-task model, or in its place a given
// one, in 0..1; nothing if the model's record is missing or failed.
std::optional<Accuracy> reference_accuracy(const FoundRecord& fine_tuned,
                                           const std::optional<double>& given);

// The score of one candidate from its validation records, one per task, and those of the
// single-task models, with what is given in their place, in the same order: their mean normalised
// accuracy over the tasks that count.
// Missing if any record is missing and none failed; failed if any failed, or if a single-task model
// that counts is never right.
CandidateScore candidate_score(const std::vector<FoundRecord>& merged,
                               const std::vector<FoundRecord>& fine_tuned,
                               const std::vector<std::optional<double>>& given,
                               const std::vector<bool>& counted);

}  // namespace isomerge
