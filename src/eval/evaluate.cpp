#include "eval/evaluate.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "base/error.h"
#include "base/interrupt.h"
#include "model/single_thread.h"

namespace isomerge {
namespace {

// One evaluation, shared by its workers.
class Job {
 public:
  Job(const Encoder& encoder, const ClassHead& head, const Pack& pack, const Split& split,
      const EvaluationOptions& options)
      : encoder_(encoder),
        head_(head),
        on_progress_(options.on_progress),
        context_(fmt::format("evaluating {}, split {}", pack.path().string(), split.name)),
        loader_(pack, split.name, options.normalisation, options.batch_size, options.threads + 1),
        right_(static_cast<size_t>(split.size())) {}

  // Takes batches until there are none left, or until one failed in any worker.
  void work() {
    int64_t first = std::numeric_limits<int64_t>::max();  // an error of the loader comes last
    try {
      while (!failed()) {
        first = std::numeric_limits<int64_t>::max();
        const std::optional<Batch> batch = loader_.next();
        if (!batch) return;
        first = batch->first;
        throw_if_interrupted();
        judge(*batch);
      }
    } catch (...) {
      keep_first(first, std::current_exception());
    }
  }

  Evaluation result() const {
    if (error_) std::rethrow_exception(error_);
    Evaluation evaluation;
    evaluation.correct.assign(right_.begin(), right_.end());
    evaluation.accuracy.correct = std::count(right_.begin(), right_.end(), 1);
    evaluation.accuracy.total = static_cast<int64_t>(right_.size());
    return evaluation;
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

  void judge(const Batch& batch) {
    const auto size = static_cast<int64_t>(batch.labels.size());
    std::vector<int64_t> predictions;
    try {
      predictions = predict(batch.images);
    } catch (const Error& error) {
      throw error.during(
          fmt::format("{}, examples {} to {}", context_, batch.first, batch.first + size - 1));
    }
    for (size_t i = 0; i < predictions.size(); ++i) {
      right_[static_cast<size_t>(batch.first) + i] = predictions[i] == batch.labels[i] ? 1 : 0;
    }
    if (on_progress_) {
      const std::lock_guard lock(mutex_);
      on_progress_(size);
    }
  }

  std::vector<int64_t> predict(const at::Tensor& images) const {
    const at::Tensor features = encoder_.encode(images);
    head_.require_features_of(encoder_.path(), features.size(1));
    return head_.predict(features);
  }

  const Encoder& encoder_;
  const ClassHead& head_;
  const std::function<void(int64_t)> on_progress_;
  const std::string context_;
  BatchLoader loader_;
  std::vector<uint8_t> right_;  // not bool: workers write neighbours at the same time

  std::mutex mutex_;  // guards what follows, and calls of on_progress_
  std::exception_ptr error_;
  int64_t error_first_ = 0;
};

}  // namespace

Evaluation evaluate(const Encoder& encoder, const ClassHead& head, const Pack& pack,
                    const std::string& split, const EvaluationOptions& options) {
  if (options.threads < 1) {
    throw input_error(fmt::format("expected at least 1 thread, got {}", options.threads));
  }
  head.require_classes_of(pack);
  pack.verify();
  Job job(encoder, head, pack, pack.require_split(split), options);
  const SingleThread single_thread;
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < options.threads; ++i) workers.emplace_back(&Job::work, &job);
  }
  return job.result();
}

}  // namespace isomerge
