#include "store/outcomes.h"

#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string outcomes_text(const Outcomes& outcomes) {
  // One base64 digit is six outcomes; the text ends where the last whole byte ends.
  const size_t bytes = (outcomes.size() + 7) / 8;
  const size_t digits = (bytes * 8 + 5) / 6;
  std::string text;
  for (size_t digit = 0; digit < digits; ++digit) {
    size_t value = 0;
    for (size_t bit = 0; bit < 6; ++bit) {
      const size_t example = digit * 6 + bit;
      value = value * 2 + (example < outcomes.size() && outcomes[example] ? 1 : 0);
    }
    text += kDigits[value];
  }
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

Outcomes parse_outcomes(const std::string& text, size_t count) {
  Outcomes outcomes;
  // `count` is only believed as far as there is text: a damaged file must not ask for memory.
  for (size_t example = 0; example < count && example / 6 < text.size(); ++example) {
    const size_t value = kDigits.find(text[example / 6]);
    outcomes.push_back(value != std::string_view::npos && (value >> (5 - example % 6) & 1) != 0);
  }
  // The reverse must lead back: finds wrong lengths, foreign digits and stray bits at once.
  if (outcomes.size() != count || outcomes_text(outcomes) != text) {
    throw input_error(fmt::format("outcomes: not the base64 text of {} outcomes", count));
  }
  return outcomes;
}

}  // namespace isomerge
