// base/parallel.h -- items computed by several threads, handed over in order.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace isomerge {

// Bounds what is held at once: item i needs cost(i) bytes while it is produced, and its result
// result_cost(i) bytes until it is consumed. An item that exceeds the limit by itself runs alone.
struct Admission {
  std::function<uint64_t(size_t)> cost;  // empty: no bound but the number of results
  std::function<uint64_t(size_t)> result_cost;
  uint64_t limit = 0;
  size_t window = 0;  // results that may wait; 0: twice the threads
};

// Calls produce(i) for i in [0, count) on `threads` >= 1 threads, each item on one of them, and
// consume(i, result) in the order of i, one call at a time, on any of them. The number
// of results that wait is bounded, see Admission. Order and content of the consume calls do not
// depend on the number of threads. If calls throw, the exception of the smallest i is thrown here,
// after all threads have stopped.
template <typename Produce, typename Consume>
void ordered_parallel(size_t count, int threads, Produce produce, Consume consume,
                      const Admission& admission = {}) {
  using Result = decltype(produce(size_t{0}));
  std::mutex mutex;
  std::condition_variable room;
  size_t next = 0, consumed = 0, failed_at = count;
  bool consuming = false;
  std::exception_ptr failure;
  std::map<size_t, Result> waiting;
  const size_t window = admission.window > 0 ? admission.window : 2 * static_cast<size_t>(threads);

  uint64_t held = 0;
  const auto cost = [&](size_t i) { return admission.cost ? admission.cost(i) : uint64_t{0}; };
  // Items start in order, so whoever waits for room waits for earlier ones, which will finish.
  const auto may_start = [&] {
    if (failure || next >= count) return true;
    if (next >= consumed + window) return false;
    return !admission.cost || next == consumed || held + cost(next) <= admission.limit;
  };

  const auto note_failure = [&](size_t i) {
    if (i < failed_at || !failure) {
      failed_at = i;
      failure = std::current_exception();
    }
  };
  const auto work = [&] {
    std::unique_lock lock(mutex);
    while (true) {
      room.wait(lock, may_start);
      if (failure || next >= count) break;
      const size_t i = next++;
      held += cost(i);
      room.notify_one();  // the next item may fit beside this one
      lock.unlock();
      try {
        Result result = produce(i);
        lock.lock();
        waiting.emplace(i, std::move(result));
        if (admission.cost) held -= cost(i) - admission.result_cost(i);
        room.notify_all();
      } catch (...) {
        if (!lock.owns_lock()) lock.lock();
        note_failure(i);
      }
      // Whoever finds the next result in line hands it over; the others go on producing.
      while (!consuming && !failure && !waiting.empty() && waiting.begin()->first == consumed) {
        auto item = waiting.extract(waiting.begin());
        consuming = true;
        lock.unlock();
        try {
          consume(item.key(), std::move(item.mapped()));
          lock.lock();
        } catch (...) {
          lock.lock();
          note_failure(item.key());
        }
        consuming = false;
        if (admission.cost) held -= admission.result_cost(consumed);
        ++consumed;
        room.notify_all();
      }
    }
    room.notify_all();
  };

  std::vector<std::thread> workers;
  const size_t useful =
      std::min(static_cast<size_t>(std::max(threads, 1)), std::max<size_t>(count, 1));
  for (size_t w = 1; w < useful; ++w) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace isomerge
