// store/outcomes.h -- how rightly each example was answered, as text for a JSON file.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace isomerge {

// One entry per example in the order of the split: 1 if the answer is right, 0 if it is wrong, and
// between them where an answer can be right in part.
using Outcomes = std::vector<float>;

// Where all are 0 or 1: bits packed eight to a byte, first example in the highest bit, zeros at the
// end; base64 (RFC 4648) of these bytes. Else "values " and the shortest decimals, with commas.
std::string outcomes_text(const Outcomes& outcomes);

// The reverse. Throws Error(kInput) if the text is not exactly what `count` outcomes give.
Outcomes parse_outcomes(const std::string& text, size_t count);

}  // namespace isomerge
