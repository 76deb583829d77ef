// model/single_thread.h -- LibTorch's own threads, switched off for a while.
#pragma once

#include <ATen/Parallel.h>

namespace isomerge {

// Every operation on one thread, in this thread and in those that start while this lives: they
// begin with the number that was set last. Work is shared out by the callers, which is faster for
// small models, and sums then do not depend on the number of threads.
class SingleThread {
 public:
  SingleThread() { at::set_num_threads(1); }
  ~SingleThread() { at::set_num_threads(before_); }
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_ = at::get_num_threads();
};

}  // namespace isomerge
