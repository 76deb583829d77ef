// base/progress.h -- how far a long job is, given to whoever listens (app draws it).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace isomerge {

// One snapshot of a running job. `fraction` in [0, 1] is done work over all work, in whatever unit
// the job counts; `detail` is what the job is at ("visual.proj", "iso_c alpha 1.2, digits").
struct ProgressState {
  std::string title;
  std::string detail;
  double fraction = 0.0;
  double seconds = 0.0;  // since the start
  double left = 0.0;     // seconds, as fast as it went until now; 0: nothing is known yet
  bool finished = false;
};

using ProgressSink = std::function<void(const ProgressState&)>;

// Replaces the listener and returns the old one. Called from the thread that reports.
ProgressSink set_progress_sink(ProgressSink sink);

// One job of `total` > 0 units of work, `done` of them before it began. Thread-safe. The destructor
// reports the end.
class Progress {
 public:
  Progress(std::string title, uint64_t total, uint64_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Adds finished work and reports it.
  void add(uint64_t units, const std::string& detail);

  // As much is finished now, whoever did it; never less than before.
  void reach(uint64_t done, const std::string& detail);

 private:
  void report(const std::string& detail, bool finished) const;

  std::string title_;
  uint64_t total_, before_;
  std::atomic<uint64_t> done_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace isomerge
