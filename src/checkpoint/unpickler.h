// checkpoint/unpickler.h -- a restricted reader of the pickles inside PyTorch archives.
//
// A pickle is a program. This one understands only the instructions that describe plain data and
// tensors, calls nothing, and refuses every name outside a short list.
#pragma once

#include <string>
#include <string_view>

#include "checkpoint/pickle_tree.h"

namespace isomerge {

// Reads one pickle. `label` names the file in errors. Throws Error(kInput) on anything that is not
// plain data: an unknown instruction, a name outside the list, a dtype that is not supported, a
// stack or memo that does not fit, more than four million values. Cost: about 100 bytes of memory
// per value.
PickleTree read_pickle(std::string_view bytes, const std::string& label);

}  // namespace isomerge
