// app/terminal.h -- what goes to stderr: messages and progress. Results go to stdout.
#pragma once

#include <string>

#include "base/log.h"

namespace isomerge {

// Listens to the library's messages and progress from now on. On a terminal progress is one line
// that is drawn over; elsewhere a plain line every ten seconds. `quiet` leaves warnings and errors.
void show_on_terminal(LogLevel level, bool quiet);

// "debug", "info", "warning", "error". Throws Error(kInput) on anything else.
LogLevel parse_log_level(const std::string& text);

// Prints "isomerge: ..." for an error, below whatever progress was drawn.
void show_error(const std::string& message);

}  // namespace isomerge
