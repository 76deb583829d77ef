// task/named_work.h -- one tensor's work on one thread, whose failures name the tensor.
#pragma once

#include <new>
#include <string>
#include <string_view>

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include "base/error.h"
#include "base/interrupt.h"

namespace isomerge {

// LibTorch's error as one of ours: kMachine if memory ran out, else kInternal.
Error translated(const c10::Error& error);

// Calls work() on one thread, so that its result cannot depend on their number, with every failure
// turned into an Error that names the tensor. Throws Error(kInterrupted) instead of starting if the
// program shall stop.
template <typename Work>
auto named_work(const std::string& name, const Work& work) {
  throw_if_interrupted();
  at::set_num_threads(1);
  try {
    return work();
  } catch (const c10::Error& error) {
    throw translated(error).during(name);
  } catch (const std::bad_alloc&) {
    throw machine_error(name + ": out of memory; try fewer --threads");
  } catch (const Error& error) {
    if (std::string_view(error.what()).find(name) != std::string_view::npos) throw;
    throw error.during(name);
  }
}

}  // namespace isomerge
