#include "base/log.h"

#include <mutex>
#include <utility>

namespace isomerge {
namespace {
std::mutex mutex;
LogSink& current_sink() {
  static LogSink sink;
  return sink;
}
}  // namespace

LogSink set_log_sink(LogSink sink) {
  const std::lock_guard lock(mutex);
  return std::exchange(current_sink(), std::move(sink));
}

void log(LogLevel level, const std::string& message) {
  const std::lock_guard lock(mutex);
  if (current_sink()) current_sink()(level, message);
}

}  // namespace isomerge
