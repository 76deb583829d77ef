// fuzz/limits.h -- what one input may take: memory and processor time.
#pragma once

#include <cstddef>

namespace isomerge {

constexpr size_t kMaxAllocated = size_t{256} << 20;  // bytes live at once, tensors included
constexpr double kMaxSeconds = 1.0;                  // of the processor

// From here to stop_limits() allocations are counted; one beyond the limit ends the process after
// calling `report`. An input that takes three times the seconds is ended by SIGPROF.
void start_limits(void (*report)(const char* what));
double stop_limits();  // seconds of the processor since start_limits()

}  // namespace isomerge
