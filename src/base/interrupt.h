// base/interrupt.h -- Ctrl-C and SIGTERM as a flag that long loops look at between steps.
#pragma once

namespace isomerge {

// From now on the first SIGINT or SIGTERM only raises the flag; a second one ends the process as
// usual. Called once by main().
void catch_interrupts();

bool interrupted() noexcept;

// Throws Error(kInterrupted) if the flag is up. Call between steps that are safe to stop at.
void throw_if_interrupted();

}  // namespace isomerge
