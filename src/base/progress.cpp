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

Progress::Progress(std::string title, uint64_t total)
    : title_(std::move(title)), total_(std::max<uint64_t>(total, 1)) {
  report("", /*finished=*/false);
}

Progress::~Progress() { report("", /*finished=*/true); }

void Progress::add(uint64_t units, const std::string& detail) {
  done_ += units;
  report(detail, /*finished=*/false);
}

void Progress::report(const std::string& detail, bool finished) const {
  const std::lock_guard lock(mutex);
  if (!current_sink()) return;
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  const double fraction =
      std::min(1.0, static_cast<double>(done_.load()) / static_cast<double>(total_));
  current_sink()({title_, detail, fraction, elapsed.count(), finished});
}

}  // namespace isomerge
