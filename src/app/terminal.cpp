#include "app/terminal.h"

#include <cstdio>
#include <mutex>

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/progress.h"
#include "base/text.h"

namespace isomerge {
namespace {

constexpr double kPlainInterval = 10.0, kDrawInterval = 0.1;  // seconds
constexpr int kBarWidth = 24;

class Terminal {
 public:
  void message(const std::string& text) {
    const std::lock_guard lock(mutex_);
    erase_bar();
    fmt::print(stderr, "{}\n", text);
    std::fflush(stderr);
  }

  void progress(const ProgressState& state) {
    const std::lock_guard lock(mutex_);
    if (state.finished) {
      erase_bar();
      last_ = -1.0;
      return;
    }
    const double interval = is_terminal_ ? kDrawInterval : kPlainInterval;
    if (last_ >= 0.0 && state.seconds - last_ < interval) return;
    if (last_ < 0.0 && !is_terminal_) {  // the first plain line only after the first interval
      last_ = state.seconds;
      return;
    }
    last_ = state.seconds;
    draw(state);
  }

 private:
  void draw(const ProgressState& state) {
    const std::string facts = fmt::format(
        "{} {:3.0f} %  {}{}  {}", state.title, 100.0 * state.fraction, human_seconds(state.seconds),
        state.left > 0.0 ? ", about " + human_seconds(state.left) + " left" : "", state.detail);
    if (!is_terminal_) {
      fmt::print(stderr, "{}\n", facts);
    } else {
      const auto full = static_cast<size_t>(state.fraction * kBarWidth);
      const std::string bar = std::string(full, '#') + std::string(kBarWidth - full, '.');
      fmt::print(stderr, "\r\033[K[{}] {:.110}", bar, facts);
      is_drawn_ = true;
    }
    std::fflush(stderr);
  }

  void erase_bar() {
    if (is_drawn_) fmt::print(stderr, "\r\033[K");
    is_drawn_ = false;
  }

  std::mutex mutex_;
  bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool is_drawn_ = false;
  double last_ = -1.0;
};

Terminal& terminal() {
  static Terminal instance;
  return instance;
}

}  // namespace

void show_on_terminal(LogLevel level, bool quiet) {
  set_log_sink([level, quiet](LogLevel of_message, const std::string& text) {
    if (of_message < level || (quiet && of_message < LogLevel::kWarning)) return;
    const bool is_warning = of_message >= LogLevel::kWarning;
    terminal().message((is_warning ? "isomerge: warning: " : "") + text);
  });
  if (quiet) {
    set_progress_sink({});
  } else {
    set_progress_sink([](const ProgressState& state) { terminal().progress(state); });
  }
}

LogLevel parse_log_level(const std::string& text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warning") return LogLevel::kWarning;
  if (text == "error") return LogLevel::kError;
  throw input_error(
      fmt::format("--log-level: expected debug, info, warning or error, got \"{}\"", text));
}

void show_error(const std::string& message) { terminal().message("isomerge: " + message); }

}  // namespace isomerge
