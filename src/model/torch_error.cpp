#include "model/torch_error.h"

#include <algorithm>
#include <new>
#include <string_view>

#include <c10/util/Exception.h>

namespace isomerge {

std::string torch_reason(const std::exception& error) {
  const auto* ours = dynamic_cast<const c10::Error*>(&error);
  std::string_view text = ours != nullptr ? ours->what_without_backtrace() : error.what();
  // The interpreter prints each frame with an arrow below the line; the reason follows the last
  // one.
  constexpr std::string_view kArrow = "<--- HERE\n";
  if (const size_t arrow = text.rfind(kArrow); arrow != text.npos) {
    text.remove_prefix(arrow + kArrow.size());
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
