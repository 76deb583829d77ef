#include "eval/batches.h"

#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/interrupt.h"
#include "model/single_thread.h"

namespace isomerge {
namespace {

// One pass over a split, shared by its workers.
class Pass {
 public:
  Pass(const Pack& pack, const std::string& split, const EvaluationOptions& options,
       const std::function<void(const Batch&)>& work)
      : work_(work),
        on_progress_(options.on_progress),
        context_(fmt::format("evaluating {}, split {}", pack.path().string(), split)),
        loader_(pack, split, options.normalisation, options.batch_size, options.threads + 1) {}

  // Takes batches until there are none left, or until one failed in any worker.
  void run() {
    int64_t first = std::numeric_limits<int64_t>::max();  // an error of the loader comes last
    try {
      while (!failed()) {
        first = std::numeric_limits<int64_t>::max();
        const std::optional<Batch> batch = loader_.next();
        if (!batch) return;
        first = batch->first;
        throw_if_interrupted();
        do_work(*batch);
      }
    } catch (...) {
      keep_first(first, std::current_exception());
    }
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  // The error of the first batch that fails is the same for any number of workers: batches are
  // given out in order, and each one given out is finished.
  void keep_first(int64_t first, std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    if (!error_ || first < error_first_) {
      error_ = std::move(error);
      error_first_ = first;
    }
  }

  bool failed() {
    const std::lock_guard lock(mutex_);
    return error_ != nullptr;
  }

  void do_work(const Batch& batch) {
    const auto size = static_cast<int64_t>(batch.labels.size());
    try {
      work_(batch);
    } catch (const Error& error) {
      throw error.during(
          fmt::format("{}, examples {} to {}", context_, batch.first, batch.first + size - 1));
    }
    if (on_progress_) {
      const std::lock_guard lock(mutex_);
      on_progress_(size);
    }
  }

  const std::function<void(const Batch&)>& work_;
  const std::function<void(int64_t)> on_progress_;
  const std::string context_;
  BatchLoader loader_;

  std::mutex mutex_;  // guards what follows, and calls of on_progress_
  std::exception_ptr error_;
  int64_t error_first_ = 0;
};

}  // namespace

void for_each_batch(const Pack& pack, const std::string& split, const EvaluationOptions& options,
                    const std::function<void(const Batch& batch)>& work) {
  if (options.threads < 1) {
    throw input_error(fmt::format("expected at least 1 thread, got {}", options.threads));
  }
  pack.verify();
  Pass pass(pack, pack.require_split(split).name, options, work);
  const SingleThread single_thread;
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < options.threads; ++i) workers.emplace_back(&Pass::run, &pass);
  }
  pass.rethrow();
}

}  // namespace isomerge
