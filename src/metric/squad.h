// metric/squad.h -- how right a written answer is, by the rules of SQuAD (Rajpurkar et al., 2016).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace isomerge {

// Lower case, without punctuation (that of ASCII), without the articles a, an and the, words apart
// by one space. Only the letters of ASCII have their case changed.
std::string normalised_answer(std::string_view text);

struct AnswerScore {
  double exact_match = 0.0;  // 0 or 1
  double f1 = 0.0;           // of the words, with repetition, 0..1
};

// The best of either over the references: exact match after normalisation; harmonic mean of the
// shares of words in common. Throws Error(kInternal) without references.
AnswerScore score_answer(std::string_view answer, const std::vector<std::string>& references);

}  // namespace isomerge
