// store/outcomes.h -- which examples were answered rightly, as text for a JSON file.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace isomerge {

// One entry per example in the order of the split: true if the prediction is right.
using Outcomes = std::vector<bool>;

// Bits packed eight to a byte, first example in the highest bit, zeros at the end; base64 (RFC
// 4648) of these bytes.
std::string outcomes_text(const Outcomes& outcomes);

// The reverse. Throws Error(kInput) if the text is not exactly what `count` outcomes give.
Outcomes parse_outcomes(const std::string& text, size_t count);

}  // namespace isomerge
