// base/log.h -- messages of the library, given to whoever listens. The library itself never prints.
#pragma once

#include <functional>
#include <string>

namespace isomerge {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

using LogSink = std::function<void(LogLevel, const std::string& message)>;

// Replaces the listener and returns the old one. Without a listener messages are dropped.
// The sink may be called from several threads, one call at a time.
LogSink set_log_sink(LogSink sink);

void log(LogLevel level, const std::string& message);
inline void log_debug(const std::string& message) { log(LogLevel::kDebug, message); }
inline void log_info(const std::string& message) { log(LogLevel::kInfo, message); }
inline void log_warning(const std::string& message) { log(LogLevel::kWarning, message); }

}  // namespace isomerge
