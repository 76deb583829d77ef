#include "eval/batches.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/interrupt.h"
#include "model/single_thread.h"

namespace isomerge {
namespace {

// One pass over a split, shared by its workers.
class Pass {
 public:
  Pass(const ImageSet& set, const Split& split, const EvaluationOptions& options,
       const std::function<void(const Batch&)>& work)
      : work_(work),
        on_progress_(options.on_progress),
        context_(fmt::format("evaluating {}, split {}", set.path().string(), split.name)),
        split_(split),
        batch_size_(options.batch_size),
        reader_(set, options.preprocessing) {}

  // Takes batches until there are none left, or until one failed in any worker.
  void run() {
    while (const std::optional<int64_t> first = take()) {
      const int64_t size = std::min(batch_size_, split_.size() - *first);
      try {
        throw_if_interrupted();
        do_work(*first, size);
      } catch (...) {
        keep_first(*first, std::current_exception());
      }
    }
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  // The first example of the next batch. Batches are given out in order, and each one given out is
  // finished: the error of the first batch that fails is the same for any number of workers.
  std::optional<int64_t> take() {
    const std::lock_guard lock(mutex_);
    if (error_ || next_ >= split_.size()) return {};
    const int64_t first = next_;
    next_ += std::min(batch_size_, split_.size() - first);
    return first;
  }

  void keep_first(int64_t first, std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (!error_ || first < error_first_) {
      error_ = std::move(error);
      error_first_ = first;
    }
  }

  Batch read(int64_t first, int64_t size) const {
    std::vector<Example> examples;
    for (int64_t i = 0; i < size; ++i) examples.push_back({split_.begin + first + i});
    try {
      Batch batch = reader_.read(examples);
      batch.first = first;
      return batch;
    } catch (const c10::Error& error) {  // the allocator of tensors
      const std::string reason = error.what_without_backtrace();
      throw machine_error(reason.substr(0, reason.find('\n')));
    }
  }

  void do_work(int64_t first, int64_t size) {
    try {
      work_(read(first, size));
    } catch (const Error& error) {
      throw error.during(fmt::format("{}, examples {} to {}", context_, first, first + size - 1));
    }
    if (on_progress_) {
      const std::lock_guard lock(mutex_);
      on_progress_(size);
    }
  }

  const std::function<void(const Batch&)>& work_;
  const std::function<void(int64_t)> on_progress_;
  const std::string context_;
  const Split split_;
  const int64_t batch_size_;
  const ExampleReader reader_;

  std::mutex mutex_;  // guards what follows, and calls of on_progress_
  int64_t next_ = 0;
  std::exception_ptr error_;
  int64_t error_first_ = 0;
};

}  // namespace

void for_each_batch(const ImageSet& set, const std::string& split, const EvaluationOptions& options,
                    const std::function<void(const Batch& batch)>& work) {
  if (options.threads < 1 || options.batch_size < 1) {
    throw input_error(
        fmt::format("expected at least 1 thread and 1 example per batch, got {} and "
                    "{}",
                    options.threads, options.batch_size));
  }
  set.verify();
  Pass pass(set, set.require_split(split), options, work);
  const SingleThread single_thread;
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < options.threads; ++i) workers.emplace_back(&Pass::run, &pass);
  }
  pass.rethrow();
}

}  // namespace isomerge
