#include "base/text.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"

namespace isomerge {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Letters to insert, delete, replace, or swap with their neighbour.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, last, row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(last, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string> find_nearest(std::string_view name,
                                        const std::vector<std::string>& known) {
  const std::string wanted = lower(name);
  const size_t limit = std::max<size_t>(2, wanted.size() / 3);
  std::optional<std::string> best;
  size_t best_distance = limit + 1;
  for (const std::string& candidate : known) {
    const size_t distance = edit_distance(wanted, lower(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string nearest_hint(std::string_view name, const std::vector<std::string>& known) {
  const auto nearest = find_nearest(name, known);
  return nearest ? fmt::format(" (nearest: \"{}\")", *nearest) : "";
}

bool glob_matches(std::string_view pattern, std::string_view name) {
  // Greedy match that returns to the last star when a later character does not fit.
  size_t p = 0, n = 0;
  size_t star = std::string_view::npos, after_star = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++after_star;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool is_utf8(std::string_view text) {
  // By length: marks of the first byte, and the smallest code point that needs that many bytes.
  constexpr uint32_t kFirst[] = {0, 0x00, 0xC0, 0xE0, 0xF0}, kMask[] = {0, 0x80, 0xE0, 0xF0, 0xF8};
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  for (size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    size_t length = 1;
    while (length <= 4 && (first & kMask[length]) != kFirst[length]) ++length;
    if (length > 4 || length > text.size() - at) return false;
    uint32_t code = first & ~kMask[length];
    for (size_t i = 1; i < length; ++i) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      if ((next & 0xC0) != 0x80) return false;
      code = code << 6 | (next & 0x3Fu);
    }
    const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (code < kSmallest[length] || code > 0x10FFFF || is_surrogate) return false;
    at += length;
  }
  return true;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string with_commas(uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string human_bytes(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (value < 1023.95) break;  // what would print as 1024.0 belongs to the next unit
    value /= 1024.0;
    unit = next;
  }
  return fmt::format("{:.1f} {}", value, unit);
}

uint64_t parse_bytes(std::string_view text) {
  static const std::vector<std::pair<std::string, double>> kUnits = {
      {"", 1.0},    {"b", 1.0},      {"kb", 1e3},     {"mb", 1e6},     {"gb", 1e9},
      {"tb", 1e12}, {"kib", 0x1p10}, {"mib", 0x1p20}, {"gib", 0x1p30}, {"tib", 0x1p40}};
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const size_t unit_at = std::min(text.find_first_not_of(' ', digits), text.size());
  const auto number = parse_number(text.substr(0, digits));
  for (const auto& [unit, factor] : kUnits) {
    if (!number || lower(text.substr(unit_at)) != unit) continue;
    if (*number * factor < 0x1p63) return static_cast<uint64_t>(*number * factor);
    throw input_error(fmt::format("\"{}\" is more than any file can hold", text));
  }
  throw input_error(fmt::format(
      "expected a size like 5GiB (B, KB, MB, GB, TB, KiB, MiB, GiB, TiB), got \"{}\"", text));
}

std::string human_seconds(double seconds) {
  // The limits are those of the printed text: 9.996 prints as "10 s", 99.5 as "1 min 40 s".
  if (seconds < 9.995) return fmt::format("{:.2f} s", seconds);
  if (seconds < 99.5) return fmt::format("{:.0f} s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string shape_text(const std::vector<int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::string number_text(double value) { return fmt::format("{}", value); }

std::optional<double> parse_number(std::string_view text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

}  // namespace isomerge
