#include "metric/selection.h"

#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {

bool search_goes_on(const std::vector<CandidateScore>& line_so_far, int64_t patience) {
  if (patience == 0) return true;
  int64_t without_improvement = 0;
  std::optional<double> best;
  for (const CandidateScore& score : line_so_far) {
    if (score.state == CandidateScore::State::kKnown && (!best || score.value > *best)) {
      best = score.value;
      without_improvement = 0;
    } else if (++without_improvement == patience) {
      return false;
    }
  }
  return true;
}

Choice choose_candidate(const std::vector<CandidateScore>& scores, size_t line_length,
                        int64_t patience, size_t refined) {
  if (line_length == 0 || refined > scores.size() || (scores.size() - refined) % line_length != 0) {
    throw Error(Fault::kInternal, fmt::format("{} candidates, {} of them refined, in lines of {}",
                                              scores.size(), refined, line_length));
  }
  Choice choice;
  const auto look_at = [&](size_t i) {
    choice.looked_at.push_back(i);
    switch (scores[i].state) {
      case CandidateScore::State::kFailed:
        return choice.failed.push_back(i);
      case CandidateScore::State::kMissing:
        return choice.missing.push_back(i);
      case CandidateScore::State::kKnown:
        if (!choice.index || scores[i].value > scores[*choice.index].value) choice.index = i;
    }
  };
  const size_t grid = scores.size() - refined;
  for (size_t start = 0; start < grid; start += line_length) {
    std::vector<CandidateScore> line;
    for (size_t i = start; i < start + line_length && search_goes_on(line, patience); ++i) {
      line.push_back(scores[i]);
      look_at(i);
      // Whether to go on depends on it.
      if (patience > 0 && scores[i].state == CandidateScore::State::kMissing) break;
    }
  }
  for (size_t i = grid; i < scores.size(); ++i) look_at(i);
  if (choice.index && *choice.index < grid && line_length > 1) {
    const size_t position = *choice.index % line_length;
    choice.at_edge = position == 0 || position + 1 == line_length;
  }
  return choice;
}

}  // namespace isomerge
