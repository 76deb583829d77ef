#include "store/outcomes.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/text.h"

namespace isomerge {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::string_view kValues = "values ";

bool are_bits(const Outcomes& outcomes) {
  return std::all_of(outcomes.begin(), outcomes.end(),
                     [](float outcome) { return outcome == 0.0f || outcome == 1.0f; });
}

std::string bits_text(const Outcomes& outcomes) {
  // One base64 digit is six outcomes; the text ends where the last whole byte ends.
  const size_t bytes = (outcomes.size() + 7) / 8;
  const size_t digits = (bytes * 8 + 5) / 6;
  std::string text;
  for (size_t digit = 0; digit < digits; ++digit) {
    size_t value = 0;
    for (size_t bit = 0; bit < 6; ++bit) {
      const size_t example = digit * 6 + bit;
      value = value * 2 + (example < outcomes.size() && outcomes[example] == 1.0f ? 1 : 0);
    }
    text += kDigits[value];
  }
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

Outcomes parse_values(std::string_view text) {
  Outcomes outcomes;
  for (const std::string& part : split(text, ',')) {
    const double value = parse_number(part).value_or(-1.0);
    if (!(value >= 0.0 && value <= 1.0)) {
      throw input_error(fmt::format("outcomes: expected numbers in 0..1, got \"{}\"", part));
    }
    outcomes.push_back(static_cast<float>(value));
  }
  return outcomes;
}

Outcomes parse_bits(std::string_view text, size_t count) {
  Outcomes outcomes;
  // `count` is only believed as far as there is text: a damaged file must not ask for memory.
  for (size_t example = 0; example < count && example / 6 < text.size(); ++example) {
    const size_t value = kDigits.find(text[example / 6]);
    const bool is_set = value != std::string_view::npos && (value >> (5 - example % 6) & 1) != 0;
    outcomes.push_back(is_set ? 1.0f : 0.0f);
  }
  return outcomes;
}

}  // namespace

std::string outcomes_text(const Outcomes& outcomes) {
  if (are_bits(outcomes)) return bits_text(outcomes);
  return fmt::format("{}{}", kValues, fmt::join(outcomes, ","));
}

Outcomes parse_outcomes(const std::string& text, size_t count) {
  const Outcomes outcomes = text.starts_with(kValues)
                                ? parse_values(std::string_view(text).substr(kValues.size()))
                                : parse_bits(text, count);
  // The reverse must lead back: finds wrong lengths, foreign digits and stray bits at once.
  if (outcomes.size() != count || outcomes_text(outcomes) != text) {
    throw input_error(fmt::format("outcomes: not the text of {} outcomes", count));
  }
  return outcomes;
}

}  // namespace isomerge
