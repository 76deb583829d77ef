// isomerge: see README.md for what it does; app/program.cpp for how a command line is carried out.

#include <string>
#include <vector>

#include <malloc.h>

#include "app/commands.h"

namespace {

// Merging allocates and frees the same few large sizes all the time. By default glibc maps and
// unmaps each of them, and the kernel clears every page anew: a third of the time of a merge by
// Iso-C. One arena, because those of other threads are too small for large blocks.
void keep_freed_memory() {
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, 36 << 20);  // larger ones are few: their memory goes back at once
  ::mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

}  // namespace

int main(int argc, char** argv) {
  keep_freed_memory();
  return isomerge::run_program(std::vector<std::string>(argv + 1, argv + argc));
}
