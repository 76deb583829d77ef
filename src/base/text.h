// base/text.h -- small helpers on names, numbers and sizes in messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isomerge {

// The entry of `known` closest to `name` by edit distance (case ignored, a swap is one edit), if it
// is close enough to be a likely slip: at most a third of the name's length, and at least 2 edits
// are always allowed.
std::optional<std::string> find_nearest(std::string_view name,
                                        const std::vector<std::string>& known);

// ` (nearest: "x")` or "" if nothing is close; appended to messages about unknown names.
std::string nearest_hint(std::string_view name, const std::vector<std::string>& known);

// Shell-style pattern over a whole name: '*' any run of characters (dots included), '?' one, all
// else itself. Cost O(|pattern| * |name|) at worst.
bool glob_matches(std::string_view pattern, std::string_view name);

// "a,b" -> "a", "b"; "" -> one empty part.
std::vector<std::string> split(std::string_view text, char separator);

// Whether the bytes are well-formed UTF-8, as names in JSON must be.
bool is_utf8(std::string_view text);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

// 1234567 -> "1,234,567".
std::string with_commas(uint64_t number);

// Bytes with a binary unit: "512 B", "1.5 KiB", "2.0 GiB".
std::string human_bytes(uint64_t bytes);

// The reverse, as typed: "5GiB", "1.5 GB", "4096", "512B"; KB, MB, GB, TB are powers of 1000, KiB,
// MiB, GiB, TiB of 1024, case does not matter. Throws Error(kInput) that lists the units on
// anything else, a negative number and more than 2^63 bytes; fractions of a byte are dropped.
uint64_t parse_bytes(std::string_view text);

// Seconds as a person says them: "0.42 s", "12 s", "3 min 05 s", "2 h 10 min".
std::string human_seconds(double seconds);

// [768, 512] -> "[768, 512]"; [] -> "[]".
std::string shape_text(const std::vector<int64_t>& shape);

// The shortest decimal text that reads back as the same double: 0.1 -> "0.1", 1.0 -> "1".
std::string number_text(double value);

// Reads a whole text as a finite number; nothing if any character is left over.
std::optional<double> parse_number(std::string_view text);

}  // namespace isomerge
