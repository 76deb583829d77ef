// metric/selection.h -- which candidate of a grid is chosen, and when to stop looking.
//
// Source: the search in the released code of arXiv:2502.04959 (danielm1405/iso-merging). It stops
// on the mean absolute and chooses by the mean normalised validation accuracy; here the normalised
// mean decides both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace isomerge {

// What is known of one candidate: its mean normalised accuracy on validation.
struct CandidateScore {
  enum class State { kMissing, kFailed, kKnown };
  State state = State::kMissing;
  double value = 0.0;  // kKnown only

  static CandidateScore known(double value) { return {State::kKnown, value}; }
  static CandidateScore failed() { return {State::kFailed, 0.0}; }
};

// Whether to look at the next alpha after these scores along one line of alphas (other options
// equal): not once `patience` candidates in a row brought no strict improvement over the best
// before them. The first known candidate is an improvement, a failed one never is. patience 0:
// always.
bool search_goes_on(const std::vector<CandidateScore>& line_so_far, int64_t patience);

// What a search over a grid comes to. Runner and report both ask it, so they cannot disagree.
struct Choice {
  std::optional<size_t> index;  // the FIRST of the highest scores; nothing if none is known
  bool at_edge = false;         // first or last alpha of its line, in the full grid of >= 2 alphas;
                                // never one that was refined
  std::vector<size_t> missing;  // looked at but not known yet: the next to run, one per line
  std::vector<size_t> failed;   // looked at and failed
  std::vector<size_t> looked_at;  // what the search visits, ascending
};

// scores       one per candidate in grid order; missing ones may be anywhere
// line_length  alphas per line; the candidates of the grid are a multiple of it
// refined      how many scores at the end belong to no line; they are all looked at
// A line is walked until search_goes_on() says no or a missing candidate is met. With patience 0
// all missing candidates are listed.
Choice choose_candidate(const std::vector<CandidateScore>& scores, size_t line_length,
                        int64_t patience, size_t refined = 0);

}  // namespace isomerge
