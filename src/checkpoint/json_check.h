// checkpoint/json_check.h -- what is wrong with a JSON text from a file, before it is parsed for
// real.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace isomerge {

// "it is not valid JSON (line 3)", "\"a\" appears twice" (which the JSON library would silently
// drop), "it is nested too deeply" (beyond `max_depth` objects and lists); nothing if it is sound.
// Cost: linear, and only the keys are kept.
std::optional<std::string> find_json_fault(std::string_view text, size_t max_depth);

}  // namespace isomerge
