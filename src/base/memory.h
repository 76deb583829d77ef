// base/memory.h -- how much memory this process holds.
#pragma once

#include <cstdint>

namespace isomerge {

// Bytes resident now, and the most there ever were.
uint64_t resident_memory();
uint64_t peak_resident_memory();

}  // namespace isomerge
