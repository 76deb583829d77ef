// config/options.h -- values of a method's options, and their text on the command line.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "config/json_reader.h"

namespace isomerge {

using OptionValue = std::variant<bool, int64_t, double, std::string>;
using Options = std::map<std::string, OptionValue>;  // option name -> value, in a fixed order

// "true", "3", "0.8", "zero". A double that is a whole number reads back as an integer ("1"), which
// resolve_options() turns into a double again.
std::string option_text(const OptionValue& value);

// The reverse: true/false, else an integer, else a finite number, else the text itself.
OptionValue parse_option_value(std::string_view text);

// "common_fraction=0.8" -> its name and value. Throws Error(kInput) without '=' or without a name.
std::pair<std::string, OptionValue> parse_option(std::string_view text);

// A JSON value as an option; nothing for null, lists and objects.
std::optional<OptionValue> find_option_value(const JsonValue& value);

}  // namespace isomerge
