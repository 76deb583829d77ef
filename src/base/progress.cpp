#include "base/progress.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace isomerge {
namespace {
std::mutex mutex;
ProgressSink& current_sink() {
  static ProgressSink sink;
  return sink;
}
}  // namespace

ProgressSink set_progress_sink(ProgressSink sink) {
  const std::lock_guard lock(mutex);
  return std::exchange(current_sink(), std::move(sink));
}

Progress::Progress(std::string title, uint64_t total, uint64_t done)
    : title_(std::move(title)), total_(std::max<uint64_t>(total, 1)), before_(done), done_(done) {
  report("", /*finished=*/false);
}

Progress::~Progress() { report("", /*finished=*/true); }

void Progress::add(uint64_t units, const std::string& detail) {
  done_ += units;
  report(detail, /*finished=*/false);
}

void Progress::reach(uint64_t done, const std::string& detail) {
  uint64_t before = done_.load();
  while (done > before && !done_.compare_exchange_weak(before, done)) {
  }
  report(detail, /*finished=*/false);
}

void Progress::report(const std::string& detail, bool finished) const {
  const std::lock_guard lock(mutex);
  if (!current_sink()) return;
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  const uint64_t done = std::min(done_.load(), total_);
  const double fraction = static_cast<double>(done) / static_cast<double>(total_);
  const double left = done <= before_ ? 0.0
                                      : elapsed.count() * static_cast<double>(total_ - done) /
                                            static_cast<double>(done - before_);
  current_sink()({title_, detail, fraction, elapsed.count(), left, finished});
}

}  // namespace isomerge
