#include "model/torch_error.h"

#include <algorithm>
#include <new>
#include <string_view>

#include <c10/util/Exception.h>

namespace isomerge {
namespace {

// "RuntimeError: " or "builtins.ValueError: ".
bool begins_with_error(std::string_view text) {
  const size_t colon = text.find(": ");
  return colon != text.npos && text.find_first_of(" \n(") > colon &&
         text.substr(0, colon).ends_with("Error");
}

}  // namespace

std::string torch_reason(const std::exception& error) {
  const auto* ours = dynamic_cast<const c10::Error*>(&error);
  std::string_view text = ours != nullptr ? ours->what_without_backtrace() : error.what();
  // The interpreter prints every frame with an arrow under the line that failed and some lines
  // around it; after the last frame comes "RuntimeError: reason", not indented.
  if (const size_t arrow = text.rfind("<--- HERE\n"); arrow != text.npos) {
    text.remove_prefix(text.find('\n', arrow) + 1);
    while (!begins_with_error(text) && text.find('\n') != text.npos) {
      text.remove_prefix(text.find('\n') + 1);
    }
  }
  text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
  return std::string(text.substr(0, text.find('\n')));
}

Error translate_torch_error(const std::exception& error, const std::string& context) {
  if (const auto* ours = dynamic_cast<const Error*>(&error)) return *ours;
  const std::string reason = torch_reason(error);
  const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
                      reason.find("out of memory") != reason.npos ||
                      reason.find("allocate memory") != reason.npos;
  return {memory ? Fault::kMachine : Fault::kInput, context + ": " + reason};
}

}  // namespace isomerge
