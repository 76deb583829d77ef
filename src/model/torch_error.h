// model/torch_error.h -- what LibTorch throws, as our one exception type.
#pragma once

#include <exception>
#include <string>

#include "base/error.h"

namespace isomerge {

// The one line of a LibTorch exception that says why: without C++ stack trace, without the trace of
// the TorchScript interpreter.
std::string torch_reason(const std::exception& error);

// "`context`: reason" as Error(kMachine) if memory ran out, else as Error(kInput). An Error of ours
// comes back as it is.
Error translate_torch_error(const std::exception& error, const std::string& context);

}  // namespace isomerge
