// config/method_table.h -- the descriptions of all methods, in the order tables print them. Adding
// a method starts here.
#pragma once

#include <vector>

#include "config/method_info.h"

namespace isomerge {

// Made anew by every call; method_infos() keeps them.
std::vector<MethodInfo> make_method_table();

}  // namespace isomerge
