// config/grid.h -- axes of a search: values, lists and ranges, and their products.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/json_reader.h"
#include "config/options.h"

namespace isomerge {

// "0.1:1.0:0.1" -> 0.1, 0.2, ..., 1.0: start + i * step, rounded to 12 digits, the end included if
// it is hit. Throws Error(kInput) if it is no range, is empty, or has more than 10,000 values.
std::vector<double> expand_range(const std::string& text);

// A number's value, whole or not; nothing for other values.
std::optional<double> number_of(const OptionValue& value);

struct GridAxis {
  std::string name;
  std::vector<OptionValue> values;  // at least one
};

// The values an option takes in a file: one value, a list, a range, or a list with ranges in it.
// Whole numbers of a range are integers. What is none of these is a problem and is left out.
std::vector<OptionValue> axis_values(const JsonValue& value, const std::string& name,
                                     const std::filesystem::path& file, Problems& problems);

// "common_fraction=0.5:0.9:0.1,0.95" -> an axis: values and ranges, with commas between them.
// Throws Error(kInput) without '=', without a name or with an empty value, and on a bad range.
GridAxis parse_axis(const std::string& text);

// Every combination of one value per axis; the last axis varies fastest. No axes: one empty entry.
std::vector<Options> multiply(const std::vector<GridAxis>& axes);

}  // namespace isomerge
