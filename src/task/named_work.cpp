#include "task/named_work.h"

namespace isomerge {

Error translated(const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  const bool is_memory = text.find("allocate memory") != std::string::npos;
  return {is_memory ? Fault::kMachine : Fault::kInternal, text.substr(0, text.find('\n'))};
}

}  // namespace isomerge
